// /operator/v1/accounts and /operator/v1/keys: accounts, subscriptions and API keys.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "http/credentials.h"
#include "http/idempotency.h"
#include "http/operator/guard.h"
#include "http/passwords.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/logins.h"

namespace tally::http {

class Router;

class OperatorAccounts {
 public:
  // `make_webhook_secret` gives a new "whsec_…" for each account.
  OperatorAccounts(storage::Directory& directory, storage::Ledgers& ledgers, storage::Logins& logins,
                   Idempotency& idempotency, const Credentials& credentials, Passwords& passwords, Clock& clock,
                   Random& random, std::function<std::string()> make_webhook_secret);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void create(Request&& request, Reply reply);
  void list(Request&& request, Reply reply);
  void show(Request&& request, Reply reply);
  void change(Request&& request, Reply reply);
  void subscribe(Request&& request, Reply reply);
  void create_key(Request&& request, Reply reply);
  void list_keys(Request&& request, Reply reply);
  void change_key(Request&& request, Reply reply);
  void delete_key(Request&& request, Reply reply);

  // Calls `then` with the password's hash once it is made, and what must live until the answer was given; without a
  // password at once, with nothing.
  using WithHash = std::function<void(std::optional<std::string> hash, const Passwords::Release& release)>;
  void hash_password(const AccountId& account, const std::optional<std::string>& password, const Reply& reply,
                     const WithHash& then);
  Result<Response> create_in(storage::AccountTx& tx, const Account& account, const std::optional<std::string>& hash);
  struct Change;
  Result<Response> change_in(storage::AccountTx& tx, const Change& wanted);
  Result<void> change_login(storage::AccountTx& tx, const Change& wanted, const std::string& email);

  // One commit changes the account and tells its ledger, which `work` then may use.
  Result<storage::Directory::AccountPtr> change_with_ledger(storage::AccountTx& tx,
                                                            const std::function<Result<void>(Account&)>& change,
                                                            const storage::Ledgers::Work& work);

  storage::Directory& directory_;
  storage::Ledgers& ledgers_;
  storage::Logins& logins_;
  Idempotency& idempotency_;
  const Credentials& credentials_;
  Passwords& passwords_;
  Clock& clock_;
  Random& random_;
  std::function<std::string()> make_webhook_secret_;
};

}  // namespace tally::http

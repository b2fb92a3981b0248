// Logins as they are stored: an account's password and sessions, and in memory the account of each e-mail.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/login.h"
#include "storage/writer.h"

namespace tally::storage {

// Thread-safe. What is said of a command holds of AccountTx: the account is the command's, and an error other than
// Errc::corrupt means that nothing was written.
class Logins {
 public:
  explicit Logins(const Store& store) : store_(store) {}

  // Reads which account logs in by which e-mail; call once, first. Costs about 150 bytes of memory per login.
  Result<void> load();

  // What is committed. `email` is an email_key.
  std::optional<AccountId> find(const std::string& email) const;
  Result<std::optional<Login>> login(const AccountId& account) const;
  Result<std::optional<Session>> session(const AccountId& account, const SessionId& id) const;

  // An e-mail that one account holds while a command is on its way, so that no other takes it. Letting go of it without
  // a commit frees it.
  class Claim;
  using ClaimPtr = std::shared_ptr<Claim>;
  // Errc::conflict `email_taken`: another account logs in by it.
  Result<ClaimPtr> claim(const AccountId& account, const std::string& email);

  // In a command: whether the account can log in; a password, which ends all sessions; another e-mail for the login
  // that there is; no login any more.
  Result<bool> exists(AccountTx& tx) const;
  Result<void> set_password(AccountTx& tx, const ClaimPtr& email, std::string password_hash);
  Result<void> set_email(AccountTx& tx, const ClaimPtr& email);
  Result<void> remove(AccountTx& tx);

  // In a command: a wrong password. Of a login that is gone, nothing.
  Result<void> fail_login(AccountTx& tx, UtcTime now);
  // In a command: the password that `password_hash` was made of was right. Opens `session`. Errc::conflict: it is not
  // the password any more.
  Result<void> open_session(AccountTx& tx, std::string_view password_hash, const Session& session, UtcTime now);

  // In a command: decides on a refresh token. `generation_of` gives the generation that it is of, if it is genuine.
  // Whatever is decided is written.
  struct Refreshed {
    RefreshOutcome outcome = RefreshOutcome::unknown;
    Session session;  // rotated
  };
  using GenerationOf = std::function<std::optional<std::uint64_t>(const Session&)>;
  Result<Refreshed> refresh(AccountTx& tx, const SessionId& id, const GenerationOf& generation_of, UtcTime now,
                            std::int64_t ttl_ms);
  // In a command: ends a session; of one that is no more, nothing.
  Result<void> end_session(AccountTx& tx, const SessionId& id);

  // In a command of system_account(): what a wrong password writes where there is no login, so that it costs the same.
  Result<void> fail_unknown(AccountTx& tx);

 private:
  struct Holder {
    AccountId account;
    bool committed = false;
    std::size_t claims = 0;
  };
  Result<std::optional<Login>> stored(AccountTx& tx) const;
  void put(AccountTx& tx, const ClaimPtr& email, const std::string& before, const Login& login);
  void publish(const AccountId& account, const std::string& email, const std::string& before);
  void withdraw(const std::string& email);
  void release(const std::string& email);

  const Store& store_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Holder> by_email_;
};

}  // namespace tally::storage

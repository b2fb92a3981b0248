// Rich Utilities: logging in, `POST /auth/login`, `/auth/refresh`, `/auth/token/revoke`, `/auth/logout`,
// `/auth/register`.
//
// Ours, as the vendor's public document does not show these calls: all names and shapes. An e-mail that nobody has is
// answered, delayed and locked as a wrong password is.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/config.h"
#include "http/credentials.h"
#include "http/idempotency.h"
#include "http/login_tokens.h"
#include "http/passwords.h"
#include "http/refresh_tokens.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/logins.h"
#include "storage/writer.h"

namespace tally::http {

class Router;

class RichLogins {
 public:
  // All of it must outlive the handlers.
  struct Parts {
    storage::Directory& directory;
    storage::Logins& logins;
    storage::Writer& writer;
    Idempotency& idempotency;
    Passwords& passwords;
    const RefreshTokens& refresh_tokens;
    const LoginTokens& login_tokens;
    Clock& clock;
    Random& random;
    std::function<std::string()> make_webhook_secret;
  };

  RichLogins(Parts parts, const Config::Auth& settings) : parts_(std::move(parts)), settings_(settings) {}
  void add_to(Router& router);

 private:
  struct Attempt {
    std::string email;
    std::string password;
    Reply reply;
    Passwords::Release release;  // of the e-mail's lane
  };
  void login(Request&& request, Reply reply);
  void check(Attempt attempt);
  void refuse(const std::optional<AccountId>& account, const Attempt& attempt, UtcTime now);
  void open(const AccountId& account, const std::string& password_hash, const Attempt& attempt, UtcTime now);
  void refresh(Request&& request, Reply reply);
  void revoke(Request&& request, Reply reply);
  void logout(Request&& request, Reply reply);
  void register_account(Request&& request, Reply reply);
  Result<Response> create(storage::AccountTx& tx, Account account, const std::string& email,
                          const std::string& password_hash);

  void end_session(const AccountId& account, const SessionId& session, const char* told, Reply reply);
  Response tokens(const AccountId& account, const Session& session, UtcTime now) const;
  LoginFailures failures_of_nobody(const std::string& email);

  Parts parts_;
  Config::Auth settings_;
  std::mutex mutex_;
  std::unordered_map<std::string, LoginFailures> nobody_;  // by e-mails that no login has
};

}  // namespace tally::http

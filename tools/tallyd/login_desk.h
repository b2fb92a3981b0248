// Logins and their tokens, joined: passwords, this server's signing key, other issuers, and the handlers of /auth.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/config.h"
#include "http/credentials.h"
#include "http/dialects/rich_account.h"
#include "http/dialects/rich_logins.h"
#include "http/idempotency.h"
#include "http/jwt_issuers.h"
#include "http/login_tokens.h"
#include "http/passwords.h"
#include "http/refresh_tokens.h"
#include "tools/tallyd/log.h"

namespace tally::tools {

class LoginDesk {
 public:
  // What it is made of must outlive it; `writer` is stopped before it goes.
  struct Parts {
    storage::Directory& directory;
    storage::Logins& logins;
    storage::Writer& writer;
    storage::Ledgers& ledgers;
    const storage::Meter& meter;
    http::Idempotency& idempotency;
    http::Credentials& credentials;
    Clock& clock;
    Random& random;
    Log& log;
    http::Passwords::Executor elsewhere;
    std::function<std::string()> make_webhook_secret;
  };

  // Reads or makes DIR/jwt.key, reads the key sets, and tells `credentials` how to read logins. `hash_key` is that of
  // the credentials. The error says what to do about it.
  static Result<std::unique_ptr<LoginDesk>> open(const Config& config, const std::string& hash_key, Parts parts);
  LoginDesk(const LoginDesk&) = delete;
  LoginDesk& operator=(const LoginDesk&) = delete;

  http::Passwords& passwords() { return passwords_; }
  void add_to(http::Router& router);

 private:
  LoginDesk(const Config& config, const std::string& hash_key, http::SigningKey key, Parts parts);

  http::Passwords passwords_;
  http::RefreshTokens refresh_tokens_;
  http::JwtIssuers issuers_;
  http::LoginTokens login_tokens_;
  http::RichLogins logins_;
  http::RichAccount account_;
};

}  // namespace tally::tools

// Access tokens of logins: JSON web tokens, this server's own and those of the issuers that the operator trusts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/account.h"
#include "core/clock.h"
#include "http/jwt.h"
#include "http/jwt_issuers.h"
#include "storage/logins.h"

namespace tally::http {

// Whose call it is.
struct LoginCaller {
  AccountId account;
  std::optional<SessionId> session;  // that the token is of; nothing: of another issuer
};

// Thread-safe.
class LoginTokens {
 public:
  // `key` signs this server's own.
  LoginTokens(SigningKey key, const storage::Logins& logins, JwtIssuers& issuers, std::int64_t ttl_seconds);

  std::int64_t ttl_seconds() const noexcept { return ttl_seconds_; }

  // `typ` is `at+jwt`; `sub` is the account's id, `sid` the session, `jti` also which of its tokens.
  std::string issue(const Account& account, const Session& session, UtcTime now) const;

  // An own token is good as long as its session is open, too. One of another issuer names the account's id as `sub`.
  // Errors as Jwt::verify; whether there is such an account is the caller's to ask.
  Result<LoginCaller> read(std::string_view token, UtcTime now) const;

 private:
  Result<LoginCaller> read_own(const Jwt& token, UtcTime now) const;

  NamedKey key_;
  JwtKeySet own_keys_;
  const storage::Logins& logins_;
  JwtIssuers& issuers_;
  std::int64_t ttl_seconds_;
};

}  // namespace tally::http

#include "http/login_tokens.h"

#include "http/json_writer.h"

namespace tally::http {
namespace {

constexpr std::string_view own_type = "at+jwt";

Error refused_token(const char* why) {
  return fail(Errc::invalid_argument, why, "invalid_token");
}

}  // namespace

LoginTokens::LoginTokens(SigningKey key, const storage::Logins& logins, JwtIssuers& issuers, std::int64_t ttl_seconds)
    : key_{thumbprint(key), key}, own_keys_({key_}), logins_(logins), issuers_(issuers), ttl_seconds_(ttl_seconds) {}

std::string LoginTokens::issue(const Account& account, const Session& session, UtcTime now) const {
  std::string claims;
  JsonWriter out(claims);
  out.begin_object().field("iss", own_jwt_issuer).field("aud", own_jwt_issuer).field("sub", account.id.str());
  out.field("user_id", static_cast<std::int64_t>(account.user_id)).field("sid", session.id.str());
  out.field("jti", session.id.str() + "." + std::to_string(session.generation));
  out.field("iat", now.seconds()).field("nbf", now.seconds()).field("exp", now.seconds() + ttl_seconds_).end_object();
  return sign_jwt(key_, own_type, claims);
}

Result<LoginCaller> LoginTokens::read(std::string_view text, UtcTime now) const {
  const auto token = Jwt::parse(text);
  if (!token) return token.error();
  if (token->claimed_issuer() == own_jwt_issuer) return read_own(*token, now);
  const auto subject = issuers_.subject(*token, now);
  if (!subject) return subject.error();
  auto account = parse_account_id(*subject);
  if (!account) return refused_token("the token names no account");
  return LoginCaller{std::move(*account), std::nullopt};
}

Result<LoginCaller> LoginTokens::read_own(const Jwt& token, UtcTime now) const {
  const Jwt::Expected expected{own_jwt_issuer, own_jwt_issuer, {own_type}};
  if (auto good = token.verify(own_keys_, expected, now); !good) return good.error();
  LoginCaller caller{AccountId(std::string(token.text_claim("sub"))), SessionId(std::string(token.text_claim("sid")))};
  const auto session = logins_.session(caller.account, *caller.session);
  if (!session) return session.error();
  if (!*session) return refused_token("the session has ended");
  return caller;
}

}  // namespace tally::http

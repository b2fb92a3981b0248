#include "http/refresh_tokens.h"

#include <doctest/doctest.h>

namespace tally::http::refresh_tokens_test {
namespace {

const std::string key(64, 'k');
const AccountId acme("acme");

Session session(std::uint64_t generation) {
  return {SessionId("5e55"), "nonce", generation, {}, {}};
}

}  // namespace

TEST_CASE("refresh token: it names account, session and generation, and proves them") {
  const RefreshTokens tokens(key);
  const auto token = parse_refresh_token(tokens.issue(acme, session(7)));
  REQUIRE(token);
  CHECK(token->account == acme);
  CHECK(token->session == SessionId("5e55"));
  CHECK(tokens.generation_of(*token, session(7)) == 7);
}

TEST_CASE("refresh token: an old one is still known as genuine") {
  const RefreshTokens tokens(key);
  const auto token = parse_refresh_token(tokens.issue(acme, session(1)));
  CHECK(tokens.generation_of(*token, session(9)) == 1);
}

TEST_CASE("refresh token: another session, account, generation, nonce or key does not fit its proof") {
  const RefreshTokens tokens(key);
  const auto token = parse_refresh_token(tokens.issue(acme, session(7))).value();
  Session other = session(7);
  other.nonce = "another";
  CHECK_FALSE(tokens.generation_of(token, other));
  other = session(7);
  other.id = SessionId("5e56");
  CHECK_FALSE(tokens.generation_of(token, other));
  CHECK_FALSE(RefreshTokens(std::string(64, 'l')).generation_of(token, session(7)));
  for (const auto change :
       {+[](RefreshToken& t) { t.account = AccountId("acmf"); }, +[](RefreshToken& t) { ++t.generation; },
        +[](RefreshToken& t) { t.proof[0] = static_cast<char>(t.proof[0] ^ 1); }}) {
    RefreshToken changed = token;
    change(changed);
    CHECK_FALSE(tokens.generation_of(changed, session(7)));
  }
}

TEST_CASE("refresh token: text of another shape is none") {
  const std::string good = RefreshTokens(key).issue(acme, session(1));
  for (const std::string& text :
       {std::string(), std::string("trt_"), good.substr(1), good + "A", good + ".", good.substr(0, good.size() - 1),
        "trt_ACME" + good.substr(8), "trt_acme..1." + good.substr(good.rfind('.') + 1),
        "trt_acme.s.-1." + good.substr(good.rfind('.') + 1), "trt_acme.s.x." + good.substr(good.rfind('.') + 1),
        good + std::string(600, 'A')}) {
    CAPTURE(text);
    CHECK_FALSE(parse_refresh_token(text));
  }
}

}  // namespace tally::http::refresh_tokens_test

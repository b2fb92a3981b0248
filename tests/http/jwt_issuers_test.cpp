#include "http/jwt_issuers.h"

#include <doctest/doctest.h>

#include <map>

#include "core/manual.h"
#include "http/base64url.h"
#include "tests/http/jwt_maker.h"

namespace tally::http::jwt_issuers_test {
namespace {

struct House {
  ManualClock clock;
  std::map<std::string, std::string> files;
  int reads = 0;
  std::vector<std::string> complaints;
  JwtIssuers issuers{{{"https://one.example", "tally", "one.json"}, {"https://two.example", "api", "two.json"}},
                     clock,
                     [this](const std::string& path) -> Result<std::string> {
                       ++reads;
                       const auto found = files.find(path);
                       if (found == files.end()) return fail(Errc::not_found, "there is no such file");
                       return found->second;
                     },
                     [this](const std::string& detail) { complaints.push_back(detail); }};

  std::string subject(const std::string& token) {
    const auto parsed = Jwt::parse(token);
    if (!parsed) return "refused";
    const auto named = issuers.subject(*parsed, clock.now());
    return named ? *named : "refused";
  }
};

std::string claims(const std::string& issuer, const std::string& audience, const std::string& subject = "acme") {
  return R"({"iss":")" + issuer + R"(","aud":")" + audience + R"(","sub":")" + subject + R"(","exp":1770009999})";
}

std::string refusal_of_set(const std::string& text) {
  const auto parsed = JwtKeySet::parse(text);
  return parsed ? "" : parsed.error().detail;
}

}  // namespace

TEST_CASE("jwt issuers: a token is checked with the keys and the audience of its own issuer only") {
  House house;
  const JwtMaker one(MakerKind::p256, "k");
  const JwtMaker two(MakerKind::rsa2048, "k");
  house.files = {{"one.json", key_set(one.jwk())}, {"two.json", key_set(two.jwk())}};
  REQUIRE(house.issuers.load());
  CHECK(house.subject(one.token(claims("https://one.example", "tally"))) == "acme");
  CHECK(house.subject(two.token(claims("https://two.example", "api", "globex"))) == "globex");
  CHECK(house.subject(one.token(claims("https://two.example", "api"))) == "refused");
  CHECK(house.subject(two.token(claims("https://one.example", "tally"))) == "refused");
  CHECK(house.subject(one.token(claims("https://one.example", "api"))) == "refused");
  CHECK(house.subject(one.token(claims("https://three.example", "tally"))) == "refused");
  CHECK(house.issuers.knows("https://one.example"));
  CHECK_FALSE(house.issuers.knows("https://three.example"));
}

TEST_CASE("jwt issuers: a key set that changes is read again within a second, and not more often") {
  House house;
  const JwtMaker old_key(MakerKind::ed25519, "2025");
  const JwtMaker new_key(MakerKind::ed25519, "2026");
  house.files = {{"one.json", key_set(old_key.jwk())}, {"two.json", key_set("")}};
  REQUIRE(house.issuers.load());
  const std::string by_old = old_key.token(claims("https://one.example", "tally"));
  const std::string by_new = new_key.token(claims("https://one.example", "tally"));
  const int reads = house.reads;
  house.files["one.json"] = key_set(new_key.jwk());
  for (int i = 0; i < 10; ++i) CHECK(house.subject(by_new) == "refused");
  CHECK(house.reads == reads);
  house.clock.advance_ms(1'000);
  CHECK(house.subject(by_new) == "acme");
  CHECK(house.subject(by_old) == "refused");
  CHECK(house.reads == reads + 1);
}

TEST_CASE("jwt issuers: a key set that became unreadable is told once, and the keys stay until it is good again") {
  House house;
  const JwtMaker key(MakerKind::hmac, "k");
  house.files = {{"one.json", key_set(key.jwk())}, {"two.json", key_set("")}};
  REQUIRE(house.issuers.load());
  const std::string token = key.token(claims("https://one.example", "tally"));
  house.files["one.json"] = "{\"keys\":";
  for (int i = 0; i < 3; ++i) {
    house.clock.advance_ms(1'000);
    CHECK(house.subject(token) == "acme");
  }
  CHECK(house.complaints.size() == 1);
  house.files["one.json"] = key_set("");
  house.clock.advance_ms(1'000);
  CHECK(house.subject(token) == "refused");
}

TEST_CASE("jwt issuers: a start without a usable key set is refused with its path") {
  House house;
  house.files = {{"one.json", key_set("")}};
  CHECK(house.issuers.load().error().detail.starts_with("two.json: "));
  house.files["two.json"] = "[]";
  CHECK(house.issuers.load().error().detail.starts_with("two.json: "));
}

TEST_CASE("key set: keys for something else are left out") {
  const JwtMaker key(MakerKind::rsa2048, "k");
  for (const char* more : {R"("use":"enc")", R"("alg":"RS512")", R"("alg":"PS256")", R"("alg":"RSA-OAEP")",
                           R"("key_ops":["encrypt"])", R"("key_ops":[])"}) {
    CAPTURE(more);
    CHECK(JwtKeySet::parse(key_set(key.jwk(more))).value().size() == 0);
  }
  for (const char* more : {R"("use":"sig")", R"("alg":"RS256")", R"("key_ops":["verify"])", R"("x5t":"abc")"}) {
    CAPTURE(more);
    CHECK(JwtKeySet::parse(key_set(key.jwk(more))).value().size() == 1);
  }
  for (const char* jwk :
       {R"({"kty":"EC","crv":"P-384","kid":"k","x":"","y":""})", R"({"kty":"OKP","crv":"X25519","kid":"k"})",
        R"({"kty":"AKP","kid":"k"})", R"({"kid":"k"})", R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"}) {
    CAPTURE(jwk);
    CHECK(JwtKeySet::parse(key_set(jwk)).value().size() == 0);
  }
}

TEST_CASE("key set: weak and malformed keys are refused by name") {
  const std::string x = base64url(std::string(32, 'x'));
  for (const std::string& jwk :
       {JwtMaker(MakerKind::rsa1024, "k").jwk(), R"({"kid":"k","kty":"RSA","e":"AQAB"})" + std::string(),
        R"({"kid":"k","kty":"RSA","e":"AQ","n":")" + base64url(std::string(256, '\xff')) + "\"}",
        R"({"kid":"k","kty":"RSA","e":"Ag","n":")" + base64url(std::string(256, '\xff')) + "\"}",
        R"({"kid":"k","kty":"RSA","e":"AQAB","n":")" + base64url(std::string(1025, '\xff')) + "\"}",
        R"({"kid":"k","kty":"oct","k":")" + base64url(std::string(31, 'k')) + "\"}",
        R"({"kid":"k","kty":"oct","k":")" + base64url(std::string(31, 'k')) + "=\"}",
        R"({"kid":"k","kty":"OKP","crv":"Ed25519","x":")" + base64url(std::string(31, 'x')) + "\"}",
        R"({"kid":"k","kty":"OKP","crv":"Ed25519","x":5})" + std::string(),
        R"({"kid":"k","kty":"EC","crv":"P-256","x":")" + x + R"(","y":")" + x + "\"}"}) {
    CAPTURE(jwk);
    CHECK(refusal_of_set(key_set(jwk)).starts_with("the key \"k\": "));
  }
}

TEST_CASE("key set: what is no set of keys with ids of their own is refused") {
  const std::string key = JwtMaker(MakerKind::hmac, "k").jwk();
  CHECK(refusal_of_set(key_set(key + "," + key)) == "two keys have the kid \"k\"");
  for (const char* text : {"", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[],\"keys\":[]}"}) {
    CAPTURE(text);
    CHECK(refusal_of_set(text) != "");
  }
  std::string many;
  for (int i = 0; i <= 100; ++i) many += (i == 0 ? "" : ",") + std::string("{\"kty\":\"x\"}");
  CHECK(refusal_of_set(key_set(many)) != "");
  CHECK(refusal_of_set(key_set("") + std::string(300'000, ' ')) != "");
}

}  // namespace tally::http::jwt_issuers_test

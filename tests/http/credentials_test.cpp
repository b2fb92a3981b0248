#include "http/credentials.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace tally::http::credentials_test {
namespace {

Response make_key(ApiHouse& house, const std::string& body) {
  return house.as_operator("POST", "/accounts/acme/keys", body);
}

}  // namespace

TEST_CASE("credentials: a key does what its scopes say, and everything without any") {
  ApiHouse house;
  house.open_account("acme");
  const Response made = make_key(house, R"({"kind":"token","scopes":["webhooks","webhooks"]})");
  CHECK(at(made, "scopes.0") == "webhooks");
  CHECK(at(made, "scopes.1").empty());
  const std::vector<Field> key{{"x-api-key", at(made, "key")}};
  const Response refused = house.ask("GET", "/v1/balance", "", key);
  CHECK(refused.status == 403);
  CHECK(code_of(refused) == "scope_not_allowed");
  CHECK(house.ask("POST", "/v1/account/rotate-webhook-secret", "", key).status == 200);
  REQUIRE(house.as_operator("PATCH", "/keys/" + at(made, "id"), R"({"scopes":[]})").status == 200);
  CHECK(house.ask("GET", "/v1/balance", "", key).status == 200);
}

TEST_CASE("credentials: a scope that does not exist is refused") {
  ApiHouse house;
  house.open_account("acme");
  CHECK(code_of(make_key(house, R"({"kind":"token","scopes":["reports","usage"]})")) == "invalid_scopes");
}

TEST_CASE("credentials: a key of the form ru_v2 works in every header that takes a key") {
  ApiHouse house;
  house.open_account("acme");
  const Response made = make_key(house, R"({"kind":"token","format":"ru_v2"})");
  const std::string key = at(made, "key");
  REQUIRE(key.size() == 6 + 12 + 1 + 32);
  CHECK(key.starts_with("ru_v2_"));
  CHECK(key[18] == '_');
  CHECK(house.ask("GET", "/v1/balance", "", {{"authorization", "Bearer " + key}}).status == 200);
  CHECK(house.ask("GET", "/v1/balance", "", {{"x-api-key", key}}).status == 200);
  CHECK(house.ask("GET", "/v1/balance", "", {{"x-api-key", key + "a"}}).status == 401);
  CHECK(code_of(make_key(house, R"({"kind":"token","format":"ru_v1"})")) == "invalid_format");
}

TEST_CASE("credentials: a login token stands for its account where any credential does") {
  ApiHouse house;
  house.open_account("acme");
  const std::vector<Field> bearer{{"authorization", "Bearer a.b.c"}};
  CHECK(house.ask("GET", "/v1/balance", "", bearer).status == 401);
  house.credentials.set_login_reader([](std::string_view token, UtcTime) -> Result<AccountId> {
    if (token == "a.b.c") return AccountId("acme");
    if (token == "a.b.d") return AccountId("nobody");
    return fail(Errc::invalid_argument, "not a token");
  });
  CHECK(house.ask("GET", "/v1/balance", "", bearer).status == 200);
  CHECK(house.ask("GET", "/v1/balance", "", {{"authorization", "Bearer a.b.d"}}).status == 401);
  CHECK(house.ask("GET", "/v1/balance", "", {{"authorization", "Bearer x"}}).status == 401);
  CHECK(house.as_customer("acme", "GET", "/v1/balance").status == 200);
}

TEST_CASE("credentials: an access token stands for its key, with all that is checked of a key") {
  ApiHouse house;
  house.open_account("acme");
  const Response made = make_key(house, R"({"kind":"pair","limits":{"per_minute":1}})");
  house.credentials.set_access_token_reader([&](std::string_view token, UtcTime) -> Result<KeyId> {
    if (token == "t") return KeyId(at(made, "id"));
    return fail(Errc::invalid_argument, "not a token");
  });
  const std::vector<Field> token{{"accesstoken", "t"}};
  CHECK(house.ask("GET", "/v1/balance", "", token).status == 200);
  CHECK(house.ask("GET", "/v1/balance", "", token).status == 429);
  CHECK(house.ask("GET", "/v1/balance", "", {{"accesstoken", "u"}}).status == 401);
  REQUIRE(house.as_operator("DELETE", "/keys/" + at(made, "id")).status == 204);
  CHECK(house.ask("GET", "/v1/balance", "", token).status == 401);
}

}  // namespace tally::http::credentials_test

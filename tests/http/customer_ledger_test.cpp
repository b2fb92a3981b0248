#include "http/customer/ledger.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/http/api_house.h"

namespace tally::http::customer_ledger_test {

TEST_CASE("customer ledger: a customer sees what the operator sees of its account") {
  ApiHouse house;
  house.open_account("acme", "10");
  CHECK(house.as_customer("acme", "GET", "/v1/balance").body == house.balance("acme"));
  for (const char* path : {"/lots", "/ledger", "/ledger/ent_1", "/ledger?type=grant&limit=1"}) {
    const Response response = house.as_customer("acme", "GET", std::string("/v1") + path);
    CHECK_MESSAGE(response.status == 200, path);
    CHECK_MESSAGE(response.body == house.as_operator("GET", std::string("/accounts/acme") + path).body, path);
  }
}

TEST_CASE("customer ledger: another's entry and one that is missing are answered alike") {
  ApiHouse house;
  house.open_account("acme", "10");
  house.open_account("other");
  const Response missing = house.as_customer("other", "GET", "/v1/ledger/ent_7");
  CHECK(missing.status == 404);
  CHECK(house.as_customer("other", "GET", "/v1/ledger/ent_1").body == missing.body);
  CHECK(house.as_customer("other", "GET", "/v1/ledger/nonsense").body == missing.body);
}

TEST_CASE("customer ledger: without a credential nothing is shown") {
  ApiHouse house;
  for (const char* path : {"/v1/balance", "/v1/lots", "/v1/ledger", "/v1/ledger/ent_1"}) {
    CHECK_MESSAGE(house.ask("GET", path).status == 401, path);
    CHECK_MESSAGE(code_of(house.ask("GET", path)) == "missing_credentials", path);
  }
}

TEST_CASE("customer ledger: answers count against the key's limits and tell them") {
  ApiHouse house;
  house.open_account("acme", "1");
  const std::string key =
      at(house.as_operator("POST", "/accounts/acme/keys", R"({"kind":"token","limits":{"per_day":1}})"), "key");
  const std::vector<Field> headers{{"authorization", "Bearer " + key}};
  const Response first = house.ask("GET", "/v1/balance", "", headers);
  CHECK(first.status == 200);
  CHECK(std::find(first.headers.begin(), first.headers.end(), Field{"RateLimit-Remaining", "0"}) !=
        first.headers.end());
  CHECK(house.ask("GET", "/v1/balance", "", headers).status == 429);
}

TEST_CASE("customer ledger: refused parameters are told as to the operator") {
  ApiHouse house;
  house.open_account("acme");
  CHECK(code_of(house.as_customer("acme", "GET", "/v1/ledger?type=gift")) == "invalid_type");
  CHECK(code_of(house.as_customer("acme", "GET", "/v1/lots?limit=0")) == "invalid_limit");
}

}  // namespace tally::http::customer_ledger_test

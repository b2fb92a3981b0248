#include "http/operator/authorize.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace tally::http::operator_authorize_test {
namespace {

// An account with 10 credits, an endpoint "geo" that costs 2, and a key.
struct Gateway {
  explicit Gateway(const std::string& key_body = R"({"kind":"token"})") {
    house.open_account("acme", "10");
    REQUIRE(house
                .as_operator("POST", "/prices",
                             R"({"prices":[{"endpoint":"geo","credits":"2"}],"effective_at":"2020-01-01"})")
                .status == 200);
    const Response made = house.as_operator("POST", "/accounts/acme/keys", key_body);
    REQUIRE(made.status == 201);
    key_id = at(made, "id");
    key = at(made, "key");
    secret = at(made, "secret");
  }

  std::string body(const std::string& more = {}) const {
    return R"({"key":")" + key + R"(","ip":"192.0.2.7","endpoint":"geo")" + more + "}";
  }
  Response ask(const std::string& more = {}, const std::string& idempotency_key = {}) {
    return house.as_operator("POST", "/authorize", body(more), idempotency_key);
  }
  // The code of a refusal, which is an answer like any other.
  std::string refusal(const std::string& more = {}) {
    const Response response = ask(more);
    CHECK(response.status == 200);
    CHECK(json_of(response).find("allowed")->boolean == false);
    return code_of(response);
  }
  Response change_key(const std::string& change) { return house.as_operator("PATCH", "/keys/" + key_id, change); }

  ApiHouse house;
  std::string key_id, key, secret;
};

}  // namespace

TEST_CASE("authorize: a call that may go through has its credits reserved") {
  Gateway gateway;
  const Response response = gateway.ask(R"(,"quantity":3)");
  CHECK(response.status == 200);
  const std::string expires_at = (gateway.house.clock.now() + minute_ms).to_string();
  CHECK(response.body ==
        R"({"allowed":true,"account":"acme","hold":"hold_acme.1","credits":"6","price_version":1,"available":"4",)"
        R"("expires_at":")" +
            expires_at + R"(","rate_limit":null})");
  CHECK(gateway.house.balance("acme") == R"({"balance":"10","reserved":"6","available":"4","debt":"0"})");
  const Response settled = gateway.house.as_operator("POST", "/holds/hold_acme.1/settle", R"({"credits":"2"})");
  CHECK(settled.status == 200);
  CHECK(gateway.house.balance("acme") == R"({"balance":"8","reserved":"0","available":"8","debt":"0"})");
}

TEST_CASE("authorize: an endpoint without a price costs nothing and is held all the same") {
  Gateway gateway;
  const Response response = gateway.house.as_operator(
      "POST", "/authorize", R"({"key":")" + gateway.key + R"(","ip":"::1","endpoint":"free","ttl_seconds":5})");
  CHECK(at(response, "credits") == "0");
  CHECK(at(response, "hold") == "hold_acme.1");
  CHECK(json_of(response).find("price_version")->kind == JsonValue::Kind::null);
  CHECK(at(response, "expires_at") == (gateway.house.clock.now() + 5 * second_ms).to_string());
}

TEST_CASE("authorize: what the account cannot pay for is refused and changes nothing") {
  Gateway gateway;
  CHECK(gateway.refusal(R"(,"quantity":6)") == "insufficient_credits");
  CHECK(gateway.house.balance("acme") == R"({"balance":"10","reserved":"0","available":"10","debt":"0"})");
  CHECK(at(gateway.ask(R"(,"quantity":5)"), "hold") == "hold_acme.1");
}

TEST_CASE("authorize: keys, secrets and where they may be used from are judged first") {
  Gateway gateway(R"({"kind":"pair","allowed_ips":["192.0.2.0/24"]})");
  CHECK(gateway.refusal() == "missing_api_secret");
  CHECK(gateway.refusal(R"(,"secret":"wrong")") == "invalid_api_secret");
  const std::string secret = R"(,"secret":")" + gateway.secret + "\"";
  CHECK(json_of(gateway.ask(secret)).find("allowed")->boolean);
  const std::string elsewhere =
      R"({"key":")" + gateway.key + R"(","ip":"198.51.100.1","endpoint":"geo")" + secret + "}";
  CHECK(code_of(gateway.house.as_operator("POST", "/authorize", elsewhere)) == "ip_not_allowed");
  REQUIRE(gateway.change_key(R"({"scopes":["reports"]})").status == 200);
  CHECK(gateway.refusal(secret) == "scope_not_allowed");
  REQUIRE(gateway.change_key(R"({"scopes":["calls"],"status":"disabled"})").status == 200);
  CHECK(gateway.refusal(secret) == "api_key_disabled");
  REQUIRE(gateway.change_key(R"({"status":"active","expires_at":")" + gateway.house.clock.now().to_string() + R"("})")
              .status == 200);
  CHECK(gateway.refusal(secret) == "api_key_expired");
  REQUIRE(gateway.house.as_operator("DELETE", "/keys/" + gateway.key_id).status == 204);
  CHECK(gateway.refusal(secret) == "invalid_api_key");
  gateway.key = "tly_nonsense";
  CHECK(gateway.refusal() == "invalid_api_key");
}

TEST_CASE("authorize: limits count what goes through and nothing else") {
  Gateway gateway(R"({"kind":"token","limits":{"per_minute":2}})");
  CHECK(gateway.refusal(R"(,"quantity":6)") == "insufficient_credits");
  const Response first = gateway.ask();
  CHECK(at(first, "rate_limit.limit") == "2");
  CHECK(at(first, "rate_limit.remaining") == "1");
  CHECK(at(gateway.ask(), "rate_limit.remaining") == "0");
  const Response refused = gateway.ask();
  CHECK(code_of(refused) == "rate_limit_exceeded");
  CHECK(at(refused, "retry_after") == at(refused, "rate_limit.reset_seconds"));
  CHECK(gateway.house.balance("acme") == R"({"balance":"10","reserved":"4","available":"6","debt":"0"})");
  gateway.house.clock.advance_ms(minute_ms);
  CHECK(json_of(gateway.ask()).find("allowed")->boolean);
}

TEST_CASE("authorize: the state of a refused call's limits is what it was") {
  Gateway gateway(R"({"kind":"token","limits":{"per_minute":2}})");
  const Response refused = gateway.ask(R"(,"quantity":6)");
  CHECK(at(refused, "rate_limit.remaining") == "2");
  CHECK(json_of(refused).find("retry_after") == nullptr);
}

TEST_CASE("authorize: calls and requests of a key count against the same limits") {
  Gateway gateway(R"({"kind":"token","limits":{"per_minute":2}})");
  const std::vector<Field> key{{"x-api-key", gateway.key}};
  CHECK(gateway.house.ask("GET", "/v1/balance", "", key).status == 200);
  CHECK(at(gateway.ask(), "rate_limit.remaining") == "0");
  CHECK(gateway.house.ask("GET", "/v1/balance", "", key).status == 429);
}

TEST_CASE("authorize: the same Idempotency-Key is the same decision") {
  Gateway gateway;
  const Response first = gateway.ask("", "k1");
  const Response again = gateway.ask("", "k1");
  CHECK(again.body == first.body);
  CHECK(replayed(again));
  CHECK(gateway.house.balance("acme") == R"({"balance":"10","reserved":"2","available":"8","debt":"0"})");
}

TEST_CASE("authorize: a question that cannot be read is an error, not a refusal") {
  Gateway gateway;
  const auto code = [&](const std::string& body) {
    const Response response = gateway.house.as_operator("POST", "/authorize", body);
    CHECK(response.status == 422);
    return code_of(response);
  };
  CHECK(code(R"({"ip":"::1","endpoint":"geo"})") == "missing_key");
  CHECK(code(R"({"key":"k","endpoint":"geo"})") == "missing_ip");
  CHECK(code(R"({"key":"k","ip":"nowhere","endpoint":"geo"})") == "invalid_ip");
  CHECK(code(R"({"key":"k","ip":"::1"})") == "missing_endpoint");
  CHECK(code(R"({"key":"k","ip":"::1","endpoint":""})") == "invalid_endpoint");
  CHECK(code(R"({"key":"k","ip":"::1","endpoint":"geo","quantity":-1})") == "invalid_quantity");
  CHECK(code(R"({"key":"k","ip":"::1","endpoint":"geo","ttl_seconds":0})") == "invalid_ttl_seconds");
  CHECK(code(R"({"key":"k","ip":"::1","endpoint":"geo","more":1})") == "unknown_field");
  CHECK(gateway.house.ask("POST", "/operator/v1/authorize", gateway.body()).status == 401);
  REQUIRE(gateway.house
              .as_operator("POST", "/prices",
                           R"({"prices":[{"endpoint":"geo","credits":"9000000000000"}],"effective_at":"2020-01-01"})")
              .status == 200);
  CHECK(code(gateway.body(R"(,"quantity":1000000000)")) == "charge_out_of_range");
}

}  // namespace tally::http::operator_authorize_test

#include "http/dialects/narakeet.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/http/vendor_house.h"

namespace tally::http::narakeet_test {
namespace {

const std::string path = "/account/credits";

std::int64_t seconds(const char* available, const char* per_credit) {
  return credit_seconds(*Credits::parse(available), Credits::parse(per_credit)->micros());
}

}  // namespace

TEST_CASE("narakeet: seconds are exact, whole, rounded down and never negative") {
  CHECK(seconds("142.5", "1") == 142);
  CHECK(seconds("0.999999", "1") == 0);
  CHECK(seconds("3.000003", "0.333333") == 0);
  CHECK(seconds("3.000004", "0.333333") == 1);
  CHECK(seconds("2", "0.5") == 1);
  CHECK(seconds("10", "60.5") == 605);
  CHECK(seconds("-5", "1") == 0);
  CHECK(seconds("9223372036854.775807", "1") == 9'223'372'036'854);
  CHECK(credit_seconds(Credits::from_micros(std::numeric_limits<std::int64_t>::max()),
                       std::numeric_limits<std::int64_t>::max()) == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("narakeet: the account's credits, field by field, and free") {
  VendorHouse house;
  house.open_account("acme", "142.5");
  const VendorKey key = house.make_key("acme");
  const std::string billing_id = at(house.as_operator("GET", "/accounts/acme"), "billing_id");
  const Response response = house.ask("GET", path, "", {{"x-api-key", key.key}});
  CHECK(response.status == 200);
  CHECK(response.content_type == "application/json");
  CHECK(response.body == R"({"creditSeconds":142,"requestId":"req-1","identity":")" + key.identity +
                             R"(","billingId":")" + billing_id + R"(","plan":"TOPUP"})");
  CHECK(header_of(response, "RateLimit-Limit") == "86400");
  CHECK(header_of(response, "RateLimit-Remaining") == "86399");
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", R"({"plan":"pro"})").status == 200);
  REQUIRE(house.as_operator("POST", "/holds", R"({"account":"acme","credits":"42.5"})").status == 201);
  const Response after = house.ask("GET", path, "", {{"x-api-key", key.key}});
  CHECK(at(after, "plan") == "pro");
  CHECK(at(after, "creditSeconds") == "100");
}

TEST_CASE("narakeet: refusals") {
  VendorHouse house;
  house.open_account("acme", "1");
  const auto ask = [&](const std::string& key) { return house.ask("GET", path, "", {{"x-api-key", key}}); };
  CHECK(house.ask("GET", path).status == 401);
  CHECK(house.ask("GET", path).body == R"({"message":"Send your API key in the header x-api-key"})");
  CHECK(ask("nonsense").body == R"({"message":"The API key is not valid"})");
  CHECK(ask(house.make_key("acme", "pair").key).status == 401);
  const VendorKey disabled = house.make_key("acme");
  REQUIRE(house.as_operator("PATCH", "/keys/" + disabled.id, R"({"status":"disabled"})").status == 200);
  CHECK(ask(disabled.key).status == 403);
  CHECK(ask(disabled.key).body == R"({"message":"This API key is disabled"})");
  CHECK(ask(house.make_key("acme", "token", R"(,"allowed_ips":["10.0.0.0/8"])").key).status == 403);
  CHECK(ask(house.make_key("acme", "token", R"(,"scopes":["webhooks"])").key).status == 403);
}

TEST_CASE("narakeet: calls count towards the day's limit, also beside the key's own") {
  VendorHouse house;
  house.open_account("acme", "1");
  const VendorKey key = house.make_key("acme", "token", R"(,"limits":{"per_day":2})");
  const auto ask = [&] { return house.ask("GET", path, "", {{"x-api-key", key.key}}); };
  CHECK(ask().status == 200);
  CHECK(ask().status == 200);
  const Response refused = ask();
  CHECK(refused.status == 429);
  CHECK(refused.body == R"({"message":"Too many requests with this API key"})");
  CHECK_FALSE(header_of(refused, "Retry-After").empty());
  house.clock.advance_ms(day_ms);
  CHECK(ask().status == 200);
}

}  // namespace tally::http::narakeet_test

#include "http/operator/holds.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace tally::http::operator_holds_test {
namespace {

struct BadCase {
  std::string body;
  int status;
  std::string code;
};

const std::string hold_3 = R"({"account":"acme","credits":"3"})";
const std::string first_hold = "/holds/hold_acme.1";

void set_price(ApiHouse& house, const std::string& credits) {
  const std::string body =
      R"({"prices":[{"endpoint":"geo","credits":")" + credits + R"("}],"effective_at":"2020-01-01"})";
  REQUIRE(house.as_operator("POST", "/prices", body).status == 200);
}

}  // namespace

TEST_CASE("holds: a hold reserves credits for a minute, or for as long as it says") {
  ApiHouse house;
  house.open_account("acme", "10");
  const Response made = house.as_operator("POST", "/holds", hold_3);
  CHECK(made.status == 201);
  CHECK(at(made, "id") == "hold_acme.1");
  CHECK(at(made, "account") == "acme");
  CHECK(at(made, "credits") == "3");
  CHECK(at(made, "status") == "open");
  CHECK(at(made, "expires_at") == (house.clock.now() + minute_ms).to_string());
  CHECK(house.as_operator("GET", first_hold).body == made.body);
  CHECK(house.balance("acme") == R"({"balance":"10","reserved":"3","available":"7","debt":"0"})");
  const Response longer = house.as_operator("POST", "/holds", R"({"account":"acme","credits":1,"ttl_seconds":3600})");
  CHECK(at(longer, "expires_at") == (house.clock.now() + hour_ms).to_string());
}

TEST_CASE("holds: an endpoint is priced by what is in force, times the quantity") {
  ApiHouse house;
  house.open_account("acme", "10");
  set_price(house, "0.5");
  const Response one = house.as_operator("POST", "/holds", R"({"account":"acme","endpoint":"geo"})");
  CHECK(at(one, "credits") == "0.5");
  CHECK(at(one, "endpoint") == "geo");
  CHECK(at(one, "price_version") == "1");
  set_price(house, "0.75");
  const Response four = house.as_operator("POST", "/holds", R"({"account":"acme","endpoint":"geo","quantity":4})");
  CHECK(at(four, "credits") == "3");
  CHECK(at(four, "price_version") == "2");
  const Response free = house.as_operator("POST", "/holds", R"({"account":"acme","endpoint":"unknown","quantity":9})");
  CHECK(free.status == 201);
  CHECK(at(free, "credits") == "0");
}

TEST_CASE("holds: more than is available is 402 and changes nothing") {
  ApiHouse house;
  house.open_account("acme", "4");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  const std::string before = house.balance("acme");
  const Response refused = house.as_operator("POST", "/holds", hold_3);
  CHECK(refused.status == 402);
  CHECK(code_of(refused) == "insufficient_credits");
  CHECK(house.balance("acme") == before);
  CHECK(house.as_operator("GET", "/holds/hold_acme.2").status == 404);
}

TEST_CASE("holds: every refused case has its code") {
  ApiHouse house;
  house.open_account("acme", "10");
  set_price(house, "9000000000000");
  const std::vector<BadCase> cases{
      {R"({"credits":"1"})", 422, "missing_account"},
      {R"({"account":"acme"})", 422, "missing_credits"},
      {R"({"account":"acme","quantity":2})", 422, "missing_credits"},
      {R"({"account":"acme","credits":"1","endpoint":"geo"})", 422, "invalid_credits"},
      {R"({"account":"acme","credits":"1","quantity":1})", 422, "invalid_credits"},
      {R"({"account":"acme","credits":"-1"})", 422, "invalid_credits"},
      {R"({"account":"acme","credits":"x"})", 422, "invalid_credits"},
      {R"({"account":"acme","endpoint":""})", 422, "invalid_endpoint"},
      {R"({"account":"acme","endpoint":"geo","quantity":-1})", 422, "invalid_quantity"},
      {R"({"account":"acme","endpoint":"geo","quantity":1000000000})", 422, "charge_out_of_range"},
      {R"({"account":"acme","credits":"1","ttl_seconds":0})", 422, "invalid_ttl_seconds"},
      {R"({"account":"acme","credits":"1","ttl_seconds":604801})", 422, "invalid_ttl_seconds"},
      {R"({"account":"acme","credits":"1","nonsense":1})", 422, "unknown_field"},
      {R"({"account":"nobody","credits":"1"})", 404, "not_found"},
      {R"(nonsense)", 400, "malformed_json"},
  };
  for (const BadCase& refused : cases) {
    const Response response = house.as_operator("POST", "/holds", refused.body);
    CHECK_MESSAGE(response.status == refused.status, refused.body);
    CHECK_MESSAGE(code_of(response) == refused.code, refused.body);
  }
}

TEST_CASE("holds: settling for less returns the rest, once however often it is said") {
  ApiHouse house;
  house.open_account("acme", "10");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  const Response settled = house.as_operator("POST", first_hold + "/settle", R"({"credits":"2"})");
  CHECK(settled.status == 200);
  CHECK(at(settled, "status") == "settled");
  CHECK(at(settled, "settled_credits") == "2");
  CHECK(at(settled, "entry") == "ent_2");
  CHECK(house.as_operator("POST", first_hold + "/settle", R"({"credits":"2.0"})").body == settled.body);
  CHECK(house.as_operator("GET", first_hold).body == settled.body);
  CHECK(house.balance("acme") == R"({"balance":"8","reserved":"0","available":"8","debt":"0"})");
  CHECK(at(house.as_operator("GET", "/accounts/acme/ledger/ent_2"), "hold") == "hold_acme.1");
}

TEST_CASE("holds: settling for more needs credits, else 402 and the hold stays open") {
  ApiHouse house;
  house.open_account("acme", "5");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  const std::string before = house.balance("acme");
  const Response refused = house.as_operator("POST", first_hold + "/settle", R"({"credits":"6"})");
  CHECK(refused.status == 402);
  CHECK(code_of(refused) == "insufficient_credits");
  CHECK(house.balance("acme") == before);
  CHECK(house.as_operator("POST", first_hold + "/settle", R"({"credits":"5"})").status == 200);
}

TEST_CASE("holds: a different resolution of a resolved hold is 409") {
  ApiHouse house;
  house.open_account("acme", "10");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  REQUIRE(house.as_operator("POST", first_hold + "/settle", R"({"credits":"2"})").status == 200);
  for (const auto& [path, body] : std::vector<std::pair<std::string, std::string>>{
           {"/settle", R"({"credits":"1"})"},
           {"/release", ""},
           {"/settle", R"({"event":{"id":"1","endpoint":"geo","credits":"2"}})"}}) {
    const Response response = house.as_operator("POST", first_hold + path, body);
    CHECK_MESSAGE(response.status == 409, path);
    CHECK_MESSAGE(code_of(response) == "hold_resolved", path);
  }
  const Response released = house.as_operator("POST", "/holds/hold_acme.2/release", "{}");
  CHECK(released.status == 200);
  CHECK(at(released, "status") == "released");
  CHECK(house.as_operator("POST", "/holds/hold_acme.2/release").body == released.body);
  CHECK(house.as_operator("POST", "/holds/hold_acme.2/settle", R"({"credits":"1"})").status == 409);
}

TEST_CASE("holds: an expired hold can be neither settled nor released") {
  ApiHouse house;
  house.open_account("acme", "10");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  house.clock.advance_ms(minute_ms);
  CHECK(code_of(house.as_operator("POST", first_hold + "/settle", R"({"credits":"1"})")) == "hold_resolved");
  CHECK(code_of(house.as_operator("POST", first_hold + "/release")) == "hold_resolved");
  CHECK(at(house.as_operator("GET", first_hold), "status") == "expired");
  CHECK(house.balance("acme") == R"({"balance":"10","reserved":"0","available":"10","debt":"0"})");
}

TEST_CASE("holds: a hold is seen to have expired when it is asked for") {
  ApiHouse house;
  house.open_account("acme", "10");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  house.clock.advance_ms(minute_ms);
  CHECK(at(house.as_operator("GET", first_hold), "status") == "expired");
}

TEST_CASE("holds: an event settles a hold, is counted and charged by its price, once") {
  ApiHouse house;
  house.open_account("acme", "10");
  set_price(house, "0.5");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  const std::string event =
      R"({"event":{"id":"e1","source":"gw","endpoint":"geo","results":4,"options":{"x":1},"details":{"a":1}}})";
  const Response settled = house.as_operator("POST", first_hold + "/settle", event, "s1");
  CHECK(settled.status == 200);
  CHECK(at(settled, "settled_credits") == "2");
  CHECK(at(settled, "event.id") == "e1");
  CHECK(at(settled, "event.source") == "gw");
  const Response again = house.as_operator("POST", first_hold + "/settle", event);
  CHECK(again.body == settled.body);
  const Response replay = house.as_operator("POST", first_hold + "/settle", event, "s1");
  CHECK(replay.body == settled.body);
  CHECK(replayed(replay));
  CHECK(house.balance("acme") == R"({"balance":"8","reserved":"0","available":"8","debt":"0"})");
  const Response plain =
      house.as_operator("POST", "/events", R"({"id":"e1","source":"gw","account":"acme","endpoint":"geo"})");
  CHECK(at(plain, "duplicates") == "1");
}

TEST_CASE("holds: an event that was counted before does not settle a hold") {
  ApiHouse house;
  house.open_account("acme", "10");
  REQUIRE(house.as_operator("POST", "/events", R"({"id":"e1","account":"acme","endpoint":"geo"})").status == 200);
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  const Response refused =
      house.as_operator("POST", first_hold + "/settle", R"({"event":{"id":"e1","endpoint":"geo"}})");
  CHECK(refused.status == 409);
  CHECK(code_of(refused) == "duplicate_event");
}

TEST_CASE("holds: every refused settlement has its code and leaves the hold open") {
  ApiHouse house;
  house.open_account("acme", "10");
  REQUIRE(house.as_operator("POST", "/holds", hold_3).status == 201);
  const std::vector<BadCase> cases{
      {R"({})", 422, "missing_credits"},
      {R"({"credits":"-1"})", 422, "invalid_credits"},
      {R"({"credits":"1","event":{"id":"1","endpoint":"geo"}})", 422, "invalid_event"},
      {R"({"event":7})", 422, "invalid_event"},
      {R"({"event":{"endpoint":"geo"}})", 422, "missing_id"},
      {R"({"event":{"id":"1"}})", 422, "missing_endpoint"},
      {R"({"event":{"id":"1","endpoint":"geo","account":"other"}})", 422, "invalid_account"},
      {R"({"event":{"id":"1","endpoint":"geo","time":"2999-01-01"}})", 422, "invalid_time"},
      {R"({"event":{"id":"1","endpoint":"geo","results":-1}})", 422, "invalid_results"},
      {R"({"event":{"id":"1","endpoint":"geo","options":{"a":"b"}}})", 422, "invalid_options"},
      {R"({"event":{"id":"1","endpoint":"geo","details":{"a":[]}}})", 422, "invalid_details"},
      {R"({"event":{"id":"1","endpoint":"geo","nonsense":1}})", 422, "unknown_field"},
      {R"({"event":{"id":"1","endpoint":"geo","credits":"99"}})", 402, "insufficient_credits"},
      {R"({"credits":"99"})", 402, "insufficient_credits"},
  };
  for (const BadCase& refused : cases) {
    const Response response = house.as_operator("POST", first_hold + "/settle", refused.body);
    CHECK_MESSAGE(response.status == refused.status, refused.body);
    CHECK_MESSAGE(code_of(response) == refused.code, refused.body);
  }
  CHECK(code_of(house.as_operator("POST", first_hold + "/release", R"({"x":1})")) == "unknown_field");
  CHECK(at(house.as_operator("GET", first_hold), "status") == "open");
}

TEST_CASE("holds: ids that name none are all answered alike") {
  ApiHouse house;
  house.open_account("acme", "10");
  const Response missing = house.as_operator("GET", "/holds/hold_acme.9");
  CHECK(missing.status == 404);
  for (const char* id : {"hold_nobody.1", "hold_acme", "hold_acme.", "hold_acme.01", "hold_acme.-1", "hold_.1",
                         "acme.1", "hold_ACME.1", "hold_acme.99999999999999999999", "x"}) {
    const std::string path = std::string("/holds/") + id;
    CHECK_MESSAGE(house.as_operator("GET", path).body == missing.body, id);
    CHECK_MESSAGE(house.as_operator("POST", path + "/settle", R"({"credits":"1"})").body == missing.body, id);
    CHECK_MESSAGE(house.as_operator("POST", path + "/release").body == missing.body, id);
  }
  CHECK(house.as_operator("POST", "/holds/hold_acme.9/settle", R"({"credits":"1"})").body == missing.body);
}

TEST_CASE("reverse: an event's credits go back to their lots, once") {
  ApiHouse house;
  house.open_account("acme", "10");
  set_price(house, "2");
  house.as_operator("POST", "/events", R"({"id":"e/1","source":"gw 1","account":"acme","endpoint":"geo"})");
  house.as_operator("POST", "/events", R"({"id":"e2","account":"acme","endpoint":"geo"})");
  const std::string body = R"({"account":"acme","reason":"never answered"})";
  const Response reversed = house.as_operator("POST", "/events/gw%201/e%2F1/reverse", body, "r1");
  CHECK(reversed.status == 200);
  CHECK(at(reversed, "credits") == "2");
  CHECK(at(reversed, "event.id") == "e/1");
  CHECK(at(reversed, "entry.type") == "reversal");
  CHECK(at(reversed, "entry.reverses") == "ent_2");
  CHECK(at(reversed, "entry.description") == "never answered");
  CHECK(at(reversed, "entry.lots.0.lot") == "lot_1");
  CHECK(house.as_operator("POST", "/events/gw%201/e%2F1/reverse", body).body == reversed.body);
  CHECK(replayed(house.as_operator("POST", "/events/gw%201/e%2F1/reverse", body, "r1")));
  CHECK(house.as_operator("POST", "/events/-/e2/reverse", body).status == 200);
  CHECK(house.balance("acme") == R"({"balance":"10","reserved":"0","available":"10","debt":"0"})");
  CHECK(at(house.as_operator("POST", "/events", R"({"id":"e2","account":"acme","endpoint":"geo"})"), "duplicates") ==
        "1");
}

TEST_CASE("reverse: an event that cost nothing has no entry") {
  ApiHouse house;
  house.open_account("acme");
  house.as_operator("POST", "/events", R"({"id":"e1","account":"acme","endpoint":"geo"})");
  const Response reversed = house.as_operator("POST", "/events/-/e1/reverse", R"({"account":"acme","reason":"x"})");
  CHECK(reversed.body == R"({"account":"acme","event":{"source":"","id":"e1"},"credits":"0","entry":null})");
}

TEST_CASE("reverse: every refused case has its code") {
  ApiHouse house;
  house.open_account("acme");
  for (const BadCase& refused : std::vector<BadCase>{
           {R"({"reason":"x"})", 422, "missing_account"},
           {R"({"account":"acme"})", 422, "missing_reason"},
           {R"({"account":"acme","reason":""})", 422, "invalid_reason"},
           {R"({"account":"acme","reason":")" + std::string(1025, 'x') + R"("})", 422, "invalid_reason"},
           {R"({"account":"acme","reason":"x"})", 404, "not_found"},
           {R"({"account":"nobody","reason":"x"})", 404, "not_found"}}) {
    const Response response = house.as_operator("POST", "/events/-/e1/reverse", refused.body);
    CHECK_MESSAGE(response.status == refused.status, refused.body);
    CHECK_MESSAGE(code_of(response) == refused.code, refused.body);
  }
}

TEST_CASE("holds: the open ones are listed in pages; what they reserve is what the balance says") {
  ApiHouse house;
  house.open_account("acme", "10");
  for (int i = 0; i < 4; ++i)
    REQUIRE(house.as_operator("POST", "/holds", R"({"account":"acme","credits":"1"})").status == 201);
  REQUIRE(house.as_operator("POST", "/holds/hold_acme.2/release").status == 200);
  const Response first = house.as_operator("GET", "/accounts/acme/holds?limit=2");
  CHECK(first.status == 200);
  CHECK(at(first, "items.0.id") == "hold_acme.1");
  CHECK(at(first, "items.1.id") == "hold_acme.3");
  CHECK(at(first, "next_cursor") == "hold_acme.3");
  const Response rest = house.as_operator("GET", "/accounts/acme/holds?status=open&cursor=hold_acme.3");
  CHECK(at(rest, "items.0.id") == "hold_acme.4");
  CHECK(at(rest, "items.1.id").empty());
  CHECK(json_of(rest).find("next_cursor")->kind == JsonValue::Kind::null);
  house.clock.advance_ms(minute_ms);
  CHECK(house.as_operator("GET", "/accounts/acme/holds").body == R"({"items":[],"next_cursor":null})");
}

TEST_CASE("holds: a hold of an unlimited account says that it reserves nothing") {
  ApiHouse house;
  house.open_account("acme");
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", R"({"plan":"pro","unlimited":true})").status == 200);
  const Response made = house.as_operator("POST", "/holds", hold_3);
  CHECK(at(made, "credits") == "3");
  CHECK(at(made, "reserved") == "0");
  CHECK(at(house.as_operator("POST", "/holds/hold_acme.1/release"), "reserved").empty());
}

}  // namespace tally::http::operator_holds_test

#include "http/dialects/rich_account.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace tally::http::rich_account_test {
namespace {

// An account of 2026-01-20, looked at on 2026-02-03 at 04:05:06.
struct AccountHouse : ApiHouse {
  std::string key;

  AccountHouse() {
    clock.set(UtcTime::parse("2026-01-20T10:00:00Z").value());
    REQUIRE(as_operator("POST", "/accounts", R"({"id":"acme","email":"ann@acme.example"})").status == 201);
    key = at(as_operator("POST", "/accounts/acme/keys", R"({"kind":"token","format":"ru_v2"})"), "key");
    REQUIRE(as_operator("POST", "/prices",
                        R"({"prices":[{"endpoint":"search","credits":"1.5"},{"endpoint":"lookup","credits":"0.0001"}],)"
                        R"("effective_at":"2020-01-01T00:00:00Z"})")
                .status == 200);
    grant("100", "inv-1");
    use("e1", "search", "2026-01-20T10:00:00Z");
    use("e2", "search", "2026-01-20T09:30:00Z", 0);
    clock.set(UtcTime::parse("2026-02-03T04:05:06Z").value());
    use("e3", "lookup", "2026-02-01T23:59:59Z");
    use("e4", "search", "2026-02-03T04:00:00Z", 2);
  }
  void grant(const std::string& amount, const std::string& reference) {
    REQUIRE(as_operator("POST", "/accounts/acme/grants",
                        R"({"amount":")" + amount + R"(","reference":")" + reference +
                            R"(","description":"A top-up","metadata":{"invoice":7},"expires_at":null})")
                .status == 201);
  }
  void use(const std::string& id, const std::string& endpoint, const std::string& time, int results = 1) {
    REQUIRE(as_operator("POST", "/events",
                        R"({"account":"acme","id":")" + id + R"(","endpoint":")" + endpoint + R"(","time":")" + time +
                            R"(","results":)" + std::to_string(results) + (results == 0 ? R"(,"ok":false})" : "}"))
                .status == 200);
  }
  Response show(const std::string& target) {
    return ask("GET", "/auth/account" + target, "", {{"authorization", "Bearer " + key}});
  }
  std::string refused(const std::string& target) {
    const Response response = show(target);
    return std::to_string(response.status) + " " + at(response, "error.code");
  }
  // The ids of a page of the ledger, "1,2".
  std::string ids(const std::string& query) {
    const Response page = show("/ledger" + query);
    REQUIRE_MESSAGE(page.status == 200, page.body);
    std::string all;
    const JsonValue body = json_of(page);
    for (const JsonValue& item : body.find("items")->items) all += (all.empty() ? "" : ",") + item.find("id")->text;
    return all;
  }
};

// What the seed's tables say of an object: its members in order, each with the kind of its value.
std::string shape_of(const JsonValue& value) {
  std::string shape;
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const JsonValue::Kind kind = value.items[i].kind;
    const char* word = kind == JsonValue::Kind::number    ? "number"
                       : kind == JsonValue::Kind::string  ? "string"
                       : kind == JsonValue::Kind::boolean ? "boolean"
                       : kind == JsonValue::Kind::object  ? "object"
                       : kind == JsonValue::Kind::array   ? "array"
                                                          : "null";
    shape += (i == 0 ? "" : ", ") + value.names[i] + " " + word;
  }
  return shape;
}

const std::string usage_shape =
    "user_id number, period string, total_requests number, successful_requests number, failed_requests number, "
    "credits_consumed number, requests_by_endpoint object, period_start string, period_end string";
const std::string balance_shape =
    "user_id number, balance number, reserved number, available number, currency string, last_updated string, "
    "auto_reload_enabled boolean, auto_reload_threshold number, auto_reload_amount number";
const std::string entry_shape =
    "id number, user_id number, type string, amount number, balance_after number, description string, "
    "reference string, metadata object, created_at string";

}  // namespace

TEST_CASE("rich account: usage is one UsageStats of the running month, and one for each period") {
  AccountHouse house;
  const Response response = house.show("/usage");
  CHECK(response.body ==
        R"({"user_id":1,"period":"monthly","total_requests":2,"successful_requests":2,"failed_requests":0,)"
        R"("credits_consumed":3.0001,"requests_by_endpoint":{"lookup":1,"search":1},)"
        R"("period_start":"2026-02-01T00:00:00Z","period_end":"2026-02-03T04:05:06Z","series":[)"
        R"({"user_id":1,"period":"monthly","total_requests":2,"successful_requests":2,"failed_requests":0,)"
        R"("credits_consumed":3.0001,"requests_by_endpoint":{"lookup":1,"search":1},)"
        R"("period_start":"2026-02-01T00:00:00Z","period_end":"2026-02-03T04:05:06Z"}]})");
  CHECK(shape_of(json_of(response)) == usage_shape + ", series array");
}

TEST_CASE("rich account: usage by day, month or year over any range, quiet periods too") {
  AccountHouse house;
  const Response days = house.show("/usage?period=daily&from=2026-01-31&to=2026-02-03T05:00:00Z");
  CHECK(json_of(days).find("series")->items.size() == 4);
  CHECK(at(days, "series.0.total_requests") == "0");
  CHECK(at(days, "series.0.period_end") == "2026-02-01T00:00:00Z");
  CHECK(at(days, "series.1.total_requests") == "1");
  CHECK(at(days, "series.1.credits_consumed") == "0.0001");
  CHECK(at(days, "series.3.period_start") == "2026-02-03T00:00:00Z");
  CHECK(at(days, "series.3.requests_by_endpoint.search") == "1");
  CHECK(at(days, "total_requests") == "2");

  const Response months = house.show("/usage?from=2025-12-15");
  CHECK(json_of(months).find("series")->items.size() == 3);
  CHECK(at(months, "series.0.period_start") == "2025-12-15T00:00:00Z");
  CHECK(at(months, "series.1.total_requests") == "2");
  CHECK(at(months, "series.1.failed_requests") == "1");
  CHECK(at(months, "total_requests") == "4");
  CHECK(at(months, "credits_consumed") == "4.5001");

  const Response years = house.show("/usage?period=yearly&from=2024-06-01&to=2027-01-01");
  CHECK(json_of(years).find("series")->items.size() == 3);
  CHECK(at(years, "series.2.period_end") == "2027-01-01T00:00:00Z");
  CHECK(at(years, "series.2.total_requests") == "4");
  CHECK(at(years, "period") == "yearly");
}

TEST_CASE("rich account: a range inside an hour is widened to it, and the answer says so") {
  AccountHouse house;
  const Response response = house.show("/usage?period=daily&from=2026-01-20T09:59:00Z&to=2026-01-20T09:59:30Z");
  CHECK(at(response, "period_start") == "2026-01-20T09:00:00Z");
  CHECK(at(response, "period_end") == "2026-01-20T10:00:00Z");
  CHECK(at(response, "total_requests") == "1");
  CHECK(at(house.show("/usage?from=2026-01-01&to=2026-01-01"), "total_requests") == "0");
}

TEST_CASE("rich account: parameters that cannot be are refused by their names") {
  AccountHouse house;
  CHECK(house.refused("/usage?period=weekly") == "422 invalid_period");
  CHECK(house.refused("/usage?from=yesterday") == "422 invalid_from");
  CHECK(house.refused("/usage?to=2026-02-30") == "422 invalid_to");
  CHECK(house.refused("/usage?to=9999-12-31") == "422 invalid_to");
  CHECK(house.refused("/usage?from=2026-02-02&to=2026-02-01") == "422 invalid_range");
  CHECK(house.refused("/usage?from=1990-01-01") == "422 range_too_long");
  CHECK(house.refused("/ledger?type=grant") == "422 invalid_type");
  CHECK(house.refused("/ledger?limit=0") == "422 invalid_limit");
  CHECK(house.refused("/ledger?limit=101") == "422 invalid_limit");
  CHECK(house.refused("/ledger?offset=-1") == "422 invalid_offset");
  CHECK(house.refused("/ledger?from=2026-02-02&to=2026-02-01") == "422 invalid_range");
}

TEST_CASE("rich account: credits are the CreditBalance of the document") {
  AccountHouse house;
  CHECK(house.as_operator("POST", "/holds", R"({"account":"acme","credits":"0.5"})").status == 201);
  const Response response = house.show("/credits");
  CHECK(response.body == R"({"user_id":1,"balance":95.4999,"reserved":0.5,"available":94.9999,"currency":"USD",)"
                         R"("last_updated":"2026-02-03T04:05:06Z","auto_reload_enabled":false,)"
                         R"("auto_reload_threshold":0,"auto_reload_amount":0})");
  CHECK(shape_of(json_of(response)) == balance_shape);
}

TEST_CASE("rich account: a balance that never changed is as old as its account") {
  AccountHouse house;
  house.as_operator("POST", "/accounts", R"({"id":"quiet"})");
  house.clock.advance_ms(hour_ms);
  const Response response = house.as_customer("quiet", "GET", "/auth/account/credits");
  CHECK(at(response, "last_updated") == "2026-02-03T04:05:06Z");
  CHECK(at(response, "balance") == "0");
}

TEST_CASE("rich account: ledger entries are those of the document, the oldest first") {
  AccountHouse house;
  const Response response = house.show("/ledger?limit=2");
  CHECK(response.body ==
        R"({"items":[{"id":1,"user_id":1,"type":"credit","amount":100,"balance_after":100,"description":"A top-up",)"
        R"("reference":"inv-1","metadata":{"invoice":7},"created_at":"2026-01-20T10:00:00Z"},)"
        R"({"id":2,"user_id":1,"type":"debit","amount":-1.5,"balance_after":98.5,"description":"","reference":"",)"
        R"("metadata":{"kind":"debit","endpoint":"search","event_id":"e1","event_source":""},)"
        R"("created_at":"2026-01-20T10:00:00Z"}],"total":4,"limit":2,"offset":0})");
  const JsonValue body = json_of(response);
  for (const JsonValue& item : body.find("items")->items) CHECK(shape_of(item) == entry_shape);
}

TEST_CASE("rich account: the ledger's types are credits, debits, and adjustments, which are all else") {
  AccountHouse house;
  house.as_operator("POST", "/accounts/acme/adjustments", R"({"amount":"-1","description":"a correction"})");
  house.as_operator("POST", "/events/-/e1/reverse", R"({"account":"acme","reason":"garbage"})");
  CHECK(house.ids("?type=credit") == "1");
  CHECK(house.ids("?type=debit") == "2,3,4");
  CHECK(house.ids("?type=adjustment") == "5,6");
  CHECK(at(house.show("/ledger?type=adjustment"), "items.1.metadata.kind") == "reversal");
  CHECK(at(house.show("/ledger?type=adjustment"), "items.1.metadata.reverses") == "2");
  CHECK(at(house.show("/ledger?type=adjustment"), "items.0.amount") == "-1");
  CHECK(at(house.show("/ledger?type=debit"), "total") == "3");
}

TEST_CASE("rich account: the ledger's range begins with `from` and ends before `to`") {
  AccountHouse house;
  CHECK(house.ids("?from=2026-02-01") == "3,4");
  CHECK(house.ids("?to=2026-02-01") == "1,2");
  CHECK(house.ids("?from=2026-01-20T10:00:00Z&to=2026-01-20T10:00:00Z") == "");
  CHECK(house.ids("?from=2026-02-01&type=debit") == "3,4");
  CHECK(at(house.show("/ledger?from=2026-02-01&type=credit"), "total") == "0");
  CHECK(house.ids("?from=2030-01-01") == "");
}

TEST_CASE("rich account: pages stay what they are while entries are added") {
  AccountHouse house;
  for (int i = 0; i < 3'000; ++i) {
    house.use("more-" + std::to_string(i), i % 2 == 0 ? "search" : "lookup", "2026-02-03T04:00:00Z");
    if (i % 1'000 == 0) house.grant("10", "inv");
  }
  CHECK(at(house.show("/ledger"), "total") == "3007");
  CHECK(house.ids("?type=credit") == "1,6,1007,2008");
  CHECK(house.ids("?type=credit&offset=2&limit=1") == "1007");
  CHECK(house.ids("?type=debit&offset=1003&limit=2") == "1006,1008");
  const std::string before = house.ids("?type=debit&offset=2990&limit=10");
  CHECK(house.ids("?offset=3005&limit=10") == "3006,3007");
  house.use("late", "search", "2026-02-03T04:00:00Z");
  CHECK(house.ids("?type=debit&offset=2990&limit=10") == before);
  CHECK(house.ids("?offset=3005&limit=10") == "3006,3007,3008");
  CHECK(house.ids("?offset=999999999") == "");
  CHECK(at(house.show("/ledger?type=debit"), "total") == "3004");
}

TEST_CASE("rich account: the summary is the AccountSummary of the document") {
  AccountHouse house;
  house.as_operator("PUT", "/accounts/acme/subscription", R"({"plan":"pro","monthly_allocation":"50"})");
  house.as_operator("PATCH", "/accounts/acme", R"({"password":"correct horse"})");
  const Response before = house.show("/summary");
  CHECK(shape_of(json_of(before)) ==
        "user_id number, email string, credit_balance object, subscription object, usage_this_month object, "
        "total_requests_all_time number, account_created_at string, last_login_at null");
  REQUIRE(house.ask("POST", "/auth/login", R"({"email":"ann@acme.example","password":"correct horse"})").status == 200);
  const Response response = house.show("/summary");
  CHECK(response.body ==
        R"({"user_id":1,"email":"ann@acme.example","credit_balance":)" + house.show("/credits").body +
            R"(,"subscription":{"plan":"pro","status":"active","monthly_allocation":50,"unlimited":false,)"
            R"("current_period_start":"2026-02-01T00:00:00Z","current_period_end":"2026-03-01T00:00:00Z"},)"
            R"("usage_this_month":{"user_id":1,"period":"monthly","total_requests":2,"successful_requests":2,)"
            R"("failed_requests":0,"credits_consumed":3.0001,"requests_by_endpoint":{"lookup":1,"search":1},)"
            R"("period_start":"2026-02-01T00:00:00Z","period_end":"2026-02-03T04:05:06Z"},)"
            R"("total_requests_all_time":4,"account_created_at":"2026-01-20T10:00:00Z",)"
            R"("last_login_at":"2026-02-03T04:05:06Z"})");
  CHECK(shape_of(*json_of(response).find("credit_balance")) == balance_shape);
  CHECK(shape_of(*json_of(response).find("usage_this_month")) == usage_shape);
}

TEST_CASE("rich account: without a valid token nothing is shown, and it is said which way") {
  AccountHouse house;
  for (const char* path : {"/usage", "/credits", "/ledger", "/summary"}) {
    const std::string target = std::string("/auth/account") + path;
    CAPTURE(target);
    const Response missing = house.ask("GET", target);
    CHECK(missing.status == 401);
    CHECK(missing.body ==
          R"({"error":{"code":"missing_token","message":"send an access token as Authorization: Bearer"}})");
    for (const char* token : {"x", "a.b.c", "tly_x", "ru_v2_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}) {
      const Response invalid = house.ask("GET", target, "", {{"authorization", std::string("Bearer ") + token}});
      CHECK(invalid.status == 401);
      CHECK(at(invalid, "error.code") == "invalid_token");
    }
    CHECK(house.ask("GET", target, "", {{"authorization", "Basic " + house.key}}).status == 401);
  }
}

TEST_CASE("rich account: a key works as its scopes, status and kind allow") {
  AccountHouse house;
  const auto status_with = [&](const std::string& body) {
    const std::string key = at(house.as_operator("POST", "/accounts/acme/keys", body), "key");
    return house.ask("GET", "/auth/account/credits", "", {{"authorization", "Bearer " + key}}).status;
  };
  CHECK(status_with(R"({"kind":"token","scopes":["account"]})") == 200);
  CHECK(status_with(R"({"kind":"token","scopes":["reports"]})") == 403);
  CHECK(status_with(R"({"kind":"token","status":"disabled"})") == 403);
  CHECK(status_with(R"({"kind":"token","expires_at":"2026-01-01T00:00:00Z"})") == 401);
  CHECK(status_with(R"({"kind":"pair"})") == 401);
}

}  // namespace tally::http::rich_account_test

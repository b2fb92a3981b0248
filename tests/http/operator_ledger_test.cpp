#include "http/operator/ledger.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace tally::http::operator_ledger_test {
namespace {

struct BadCase {
  std::string body;
  int status;
  std::string code;
};

std::string seqs_of(const Response& page) {
  const JsonValue body = json_of(page);
  std::string seqs;
  for (const JsonValue& item : body.find("items")->items) seqs += item.find("seq")->text;
  return seqs;
}

}  // namespace

TEST_CASE("grants: a lot, its entry and the balance come back; it lasts a year unless said otherwise") {
  ApiHouse house;
  house.open_account("acme");
  const Response made = house.as_operator(
      "POST", "/accounts/acme/grants",
      R"({"amount":12.5,"priority":3,"reference":"inv-7","description":"top-up","metadata":{"po":"77","n":1e2,"b":true}})");
  CHECK(made.status == 201);
  CHECK(at(made, "lot.id") == "lot_1");
  CHECK(at(made, "lot.amount") == "12.5");
  CHECK(at(made, "lot.remaining") == "12.5");
  CHECK(at(made, "lot.priority") == "3");
  CHECK(at(made, "lot.purchased_at") == house.clock.now().to_string());
  CHECK(at(made, "lot.expires_at") == add_months(house.clock.now(), 12).to_string());
  CHECK(at(made, "entry.id") == "ent_1");
  CHECK(at(made, "entry.type") == "grant");
  CHECK(at(made, "entry.reference") == "inv-7");
  CHECK(at(made, "entry.metadata.n") == "1e2");
  CHECK(at(made, "entry.lots.0.lot") == "lot_1");
  CHECK(at(made, "entry.hash").size() == 64);
  CHECK(at(made, "balance.available") == "12.5");

  const Response forever = house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"1","expires_at":null})");
  CHECK(json_of(forever).find("lot")->find("expires_at")->kind == JsonValue::Kind::null);
  CHECK(at(forever, "entry.prev_hash") == at(made, "entry.hash"));
}

TEST_CASE("grants: every refused case has its code and changes nothing") {
  ApiHouse house;
  house.open_account("acme");
  const std::string before = house.balance("acme");
  const std::vector<BadCase> cases{
      {R"({})", 422, "missing_amount"},
      {R"({"amount":"0"})", 422, "invalid_amount"},
      {R"({"amount":"-1"})", 422, "invalid_amount"},
      {R"({"amount":"0.0000001"})", 422, "invalid_amount"},
      {R"({"amount":"ten"})", 422, "invalid_amount"},
      {R"({"amount":"1","purchased_at":"2999-01-01"})", 422, "invalid_purchased_at"},
      {R"({"amount":"1","purchased_at":"soon"})", 422, "invalid_purchased_at"},
      {R"({"amount":"1","expires_at":"2020-01-01"})", 422, "invalid_expires_at"},
      {R"({"amount":"1","purchased_at":"2020-01-01"})", 422, "invalid_expires_at"},
      {R"({"amount":"1","priority":1.5})", 422, "invalid_priority"},
      {R"({"amount":"1","priority":3000000000})", 422, "invalid_priority"},
      {R"({"amount":"1","metadata":{"a":{}}})", 422, "invalid_metadata"},
      {R"({"amount":"1","metadata":[1]})", 422, "invalid_metadata"},
      {R"({"amount":"1","reference":")" + std::string(256, 'r') + R"("})", 422, "text_too_long"},
      {R"({"amount":"1","nonsense":1})", 422, "unknown_field"},
      {R"({"amount":"1","amount":"2"})", 422, "duplicate_key"},
      {R"([])", 422, "invalid_body"},
      {R"({"amount")", 400, "malformed_json"},
  };
  for (const BadCase& refused : cases) {
    const Response response = house.as_operator("POST", "/accounts/acme/grants", refused.body);
    CHECK_MESSAGE(response.status == refused.status, refused.body);
    CHECK_MESSAGE(code_of(response) == refused.code, refused.body);
  }
  CHECK(house.as_operator("POST", "/accounts/nobody/grants", R"({"amount":"1"})").status == 404);
  CHECK(house.as_operator("POST", "/accounts/acme/grants").status == 415);
  CHECK(house.balance("acme") == before);
}

TEST_CASE("grants: credits past the range of amounts are refused") {
  ApiHouse house;
  house.open_account("acme", "9000000000000");
  CHECK(code_of(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"9000000000000"})")) ==
        "amount_out_of_range");
}

TEST_CASE("adjustments: credits go up or down with a reason, down into debt if they must") {
  ApiHouse house;
  house.open_account("acme", "5");
  const Response down =
      house.as_operator("POST", "/accounts/acme/adjustments", R"({"amount":"-7","description":"chargeback"})");
  CHECK(down.status == 201);
  CHECK(at(down, "entry.type") == "adjustment");
  CHECK(at(down, "entry.amount") == "-7");
  CHECK(at(down, "balance.balance") == "-2");
  CHECK(at(down, "balance.available") == "0");
  CHECK(at(down, "balance.debt") == "2");
  const Response up = house.as_operator("POST", "/accounts/acme/adjustments",
                                        R"({"amount":3,"description":"goodwill","reference":"t-1"})");
  CHECK(at(up, "balance.balance") == "1");
  CHECK(at(up, "entry.lots.0.amount") == "1");
  for (const BadCase& refused : std::vector<BadCase>{{R"({"amount":"1"})", 422, "missing_description"},
                                                     {R"({"amount":"1","description":""})", 422, "invalid_description"},
                                                     {R"({"description":"x"})", 422, "missing_amount"},
                                                     {R"({"amount":"0","description":"x"})", 422, "invalid_amount"}}) {
    const Response response = house.as_operator("POST", "/accounts/acme/adjustments", refused.body);
    CHECK_MESSAGE(response.status == refused.status, refused.body);
    CHECK_MESSAGE(code_of(response) == refused.code, refused.body);
  }
  CHECK(house.as_operator("POST", "/accounts/nobody/adjustments", R"({"amount":"1","description":"x"})").status == 404);
}

TEST_CASE("ledger: pages go from the newest to the oldest without a gap") {
  ApiHouse house;
  house.open_account("acme");
  for (int i = 1; i <= 7; ++i)
    REQUIRE(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"1"})").status == 201);
  std::string seen;
  std::string cursor;
  do {
    const Response page = house.as_operator(
        "GET", "/accounts/acme/ledger?limit=3" + (cursor.empty() ? std::string() : "&cursor=" + cursor));
    REQUIRE(page.status == 200);
    seen += seqs_of(page);
    cursor = at(page, "next_cursor");
  } while (!cursor.empty());
  CHECK(seen == "7654321");
}

TEST_CASE("ledger: entries are filtered by type and by time") {
  ApiHouse house;
  house.open_account("acme", "10");
  const std::string first = house.clock.now().to_string();
  house.clock.advance_ms(hour_ms);
  const std::string second = house.clock.now().to_string();
  REQUIRE(house.as_operator("POST", "/accounts/acme/adjustments", R"({"amount":-1,"description":"x"})").status == 201);
  house.clock.advance_ms(hour_ms);
  const std::string third = house.clock.now().to_string();
  REQUIRE(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"1"})").status == 201);
  const auto seqs = [&](const std::string& query) {
    const Response page = house.as_operator("GET", "/accounts/acme/ledger?" + query);
    REQUIRE_MESSAGE(page.status == 200, page.body);
    return seqs_of(page);
  };
  CHECK(seqs("") == "321");
  CHECK(seqs("type=grant") == "31");
  CHECK(seqs("type=grant&limit=1") == "3");
  CHECK(seqs("type=grant&limit=1&cursor=ent_3") == "1");
  CHECK(seqs("type=expiry") == "");
  CHECK(seqs("from=" + second) == "32");
  CHECK(seqs("to=" + third) == "21");
  CHECK(seqs("from=" + second + "&to=" + third) == "2");
  CHECK(seqs("to=" + first) == "");
  CHECK(seqs("to=2999-01-01") == "321");
  CHECK(seqs("to=" + third + "&cursor=ent_2") == "1");
  CHECK(at(house.as_operator("GET", "/accounts/acme/ledger?type=grant&limit=1"), "next_cursor") == "ent_2");
}

TEST_CASE("ledger: wrong parameters are refused by name") {
  ApiHouse house;
  house.open_account("acme");
  for (const auto& [query, code] :
       std::vector<std::pair<std::string, std::string>>{{"ledger?type=gift", "invalid_type"},
                                                        {"ledger?from=x", "invalid_from"},
                                                        {"ledger?to=x", "invalid_to"},
                                                        {"ledger?limit=0", "invalid_limit"},
                                                        {"ledger?limit=501", "invalid_limit"},
                                                        {"ledger?cursor=x", "invalid_cursor"},
                                                        {"ledger?cursor=ent_01", "invalid_cursor"},
                                                        {"lots?cursor=ent_1", "invalid_cursor"},
                                                        {"lots?limit=x", "invalid_limit"},
                                                        {"lots?status=shut", "invalid_status"},
                                                        {"holds?status=settled", "invalid_status"},
                                                        {"holds?limit=0", "invalid_limit"},
                                                        {"holds?cursor=lot_1", "invalid_cursor"},
                                                        {"holds?cursor=hold_other.1", "invalid_cursor"}}) {
    const Response response = house.as_operator("GET", "/accounts/acme/" + query);
    CHECK_MESSAGE(response.status == 422, query);
    CHECK_MESSAGE(code_of(response) == code, query);
  }
  for (const char* path : {"balance", "lots", "holds", "ledger", "ledger/ent_1", "auto-reload"})
    CHECK_MESSAGE(house.as_operator("GET", std::string("/accounts/nobody/") + path).status == 404, path);
}

TEST_CASE("ledger: one entry is shown in full, with the price that it was charged by") {
  ApiHouse house;
  house.open_account("acme", "10");
  const std::string at_start = R"(,"effective_at":"2020-01-01"})";
  house.as_operator("POST", "/prices", R"({"prices":[{"endpoint":"geo","credits":"1"}])" + at_start);
  house.as_operator("POST", "/prices", R"({"prices":[{"endpoint":"geo","credits":"2"}])" + at_start);
  REQUIRE(
      house.as_operator("POST", "/events", R"({"id":"e1","source":"gw","account":"acme","endpoint":"geo"})").status ==
      200);
  house.as_operator("POST", "/prices", R"({"prices":[{"endpoint":"geo","credits":"3"}])" + at_start);
  const Response entry = house.as_operator("GET", "/accounts/acme/ledger/ent_2");
  CHECK(entry.status == 200);
  CHECK(at(entry, "type") == "debit");
  CHECK(at(entry, "amount") == "-2");
  CHECK(at(entry, "endpoint") == "geo");
  CHECK(at(entry, "event.source") == "gw");
  CHECK(at(entry, "event.id") == "e1");
  CHECK(at(entry, "price_version") == "2");
  CHECK(at(entry, "price.credits") == "2");
  CHECK(at(entry, "lots.0.lot") == "lot_1");
  CHECK(at(entry, "lots.0.amount") == "-2");
  for (const char* id : {"ent_3", "ent_0", "ent_", "ent_02", "2", "lot_2", "ent_99999999999999999999"})
    CHECK_MESSAGE(house.as_operator("GET", std::string("/accounts/acme/ledger/") + id).status == 404, id);
}

TEST_CASE("lots: each shows what is left of it; open ones can be asked for alone") {
  ApiHouse house;
  house.open_account("acme");
  for (const char* amount : {"1", "2", "3"})
    REQUIRE(
        house.as_operator("POST", "/accounts/acme/grants", R"({"amount":")" + std::string(amount) + R"("})").status ==
        201);
  REQUIRE(house.as_operator("POST", "/accounts/acme/adjustments", R"({"amount":-2,"description":"x"})").status == 201);
  const Response all = house.as_operator("GET", "/accounts/acme/lots");
  CHECK(at(all, "items.0.remaining") == "0");
  CHECK(at(all, "items.1.remaining") == "1");
  CHECK(at(all, "items.2.remaining") == "3");
  const Response open = house.as_operator("GET", "/accounts/acme/lots?status=open&limit=1");
  CHECK(at(open, "items.0.id") == "lot_2");
  CHECK(at(open, "next_cursor") == "lot_2");
  CHECK(at(house.as_operator("GET", "/accounts/acme/lots?status=open&cursor=lot_2"), "items.0.id") == "lot_3");
  CHECK(at(house.as_operator("GET", "/accounts/acme/lots?limit=2"), "next_cursor") == "lot_2");
}

TEST_CASE("balance: what time has taken is gone when it is asked for") {
  ApiHouse house;
  house.open_account("acme");
  house.as_operator("POST", "/accounts/acme/grants",
                    R"({"amount":"4","expires_at":")" + (house.clock.now() + hour_ms).to_string() + R"("})");
  CHECK(house.balance("acme") == R"({"balance":"4","reserved":"0","available":"4","debt":"0"})");
  house.clock.advance_ms(2 * hour_ms);
  CHECK(house.balance("acme") == R"({"balance":"0","reserved":"0","available":"0","debt":"0"})");
  CHECK(at(house.as_operator("GET", "/accounts/acme/ledger"), "items.0.type") == "expiry");
}

TEST_CASE("subscription: its allocation is granted in the same commit, and at the start of each month") {
  ApiHouse house;
  house.clock.set(UtcTime::parse("2026-01-31T12:00:00Z").value());
  house.open_account("acme");
  const std::string body = R"({"plan":"pro","monthly_allocation":"100"})";
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", body).status == 200);
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", body).status == 200);
  CHECK(house.balance("acme") == R"({"balance":"100","reserved":"0","available":"100","debt":"0"})");
  CHECK(at(house.as_operator("GET", "/accounts/acme/lots"), "items.0.expires_at") == "2026-02-01T00:00:00Z");
  house.clock.set(UtcTime::parse("2026-02-01T00:00:00Z").value());
  house.ledgers.tick();
  house.settle();
  CHECK(house.balance("acme") == R"({"balance":"100","reserved":"0","available":"100","debt":"0"})");
  CHECK(at(house.as_operator("GET", "/accounts/acme/ledger?type=expiry"), "items.0.amount") == "-100");
}

TEST_CASE("subscription: a change that waits for the disk already counts for the commands behind it") {
  ApiHouse house;
  house.clock.set(UtcTime::parse("2026-01-31T12:00:00Z").value());
  house.open_account("acme");
  const std::vector<Field> headers{{"authorization", "Bearer token"}};
  house.send("PUT", "/operator/v1/accounts/acme/subscription", R"({"plan":"pro","monthly_allocation":"100"})", headers);
  house.send("POST", "/operator/v1/accounts/acme/grants", R"({"amount":"1"})", headers);
  house.settle();
  house.clock.set(UtcTime::parse("2026-02-01T00:00:00Z").value());
  house.ledgers.tick();
  house.settle();
  CHECK(at(house.as_operator("GET", "/accounts/acme/ledger?type=grant"), "items.0.description") ==
        "monthly allocation");
  CHECK(house.balance("acme") == R"({"balance":"101","reserved":"0","available":"101","debt":"0"})");
}

TEST_CASE("subscription: months without an allocation are not granted when it comes back") {
  ApiHouse house;
  house.clock.set(UtcTime::parse("2026-01-15T00:00:00Z").value());
  house.open_account("acme");
  const std::string with = R"({"plan":"pro","monthly_allocation":"100","rollover":true})";
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", with).status == 200);
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", R"({"plan":"TOPUP"})").status == 200);
  house.clock.set(UtcTime::parse("2026-05-15T00:00:00Z").value());
  REQUIRE(house.as_operator("PUT", "/accounts/acme/subscription", with).status == 200);
  CHECK(house.balance("acme") == R"({"balance":"100","reserved":"0","available":"100","debt":"0"})");
}

TEST_CASE("overdraft: a new limit holds for the next hold") {
  ApiHouse house;
  house.open_account("acme");
  const std::string hold = R"({"account":"acme","credits":"3"})";
  CHECK(house.as_operator("POST", "/holds", hold).status == 402);
  REQUIRE(house.as_operator("PATCH", "/accounts/acme", R"({"overdraft_limit":"3"})").status == 200);
  CHECK(house.as_operator("POST", "/holds", hold).status == 201);
  CHECK(house.as_operator("POST", "/holds", hold).status == 402);
}

TEST_CASE("auto-reload: what is set is shown; enabling it needs a threshold and an amount") {
  ApiHouse house;
  house.open_account("acme");
  const std::string path = "/accounts/acme/auto-reload";
  CHECK(house.as_operator("GET", path).body == R"({"enabled":false,"threshold":"0","amount":"0","daily_cap":null})");
  const Response set =
      house.as_operator("PUT", path, R"({"enabled":true,"threshold":"5","amount":"20","daily_cap":"40"})");
  CHECK(set.status == 200);
  CHECK(set.body == R"({"enabled":true,"threshold":"5","amount":"20","daily_cap":"40"})");
  CHECK(house.as_operator("GET", path).body == set.body);
  CHECK(house.as_operator("PUT", path, R"({"enabled":false})").status == 200);
  for (const BadCase& refused : std::vector<BadCase>{
           {R"({})", 422, "missing_enabled"},
           {R"({"enabled":true})", 422, "missing_threshold"},
           {R"({"enabled":true,"threshold":"5"})", 422, "missing_amount"},
           {R"({"enabled":true,"threshold":"5","amount":"0"})", 422, "invalid_amount"},
           {R"({"enabled":true,"threshold":"-5","amount":"1"})", 422, "invalid_threshold"},
           {R"({"enabled":true,"threshold":"5","amount":"1","daily_cap":"-1"})", 422, "invalid_daily_cap"},
           {R"({"enabled":1})", 422, "invalid_enabled"}}) {
    const Response response = house.as_operator("PUT", path, refused.body);
    CHECK_MESSAGE(response.status == refused.status, refused.body);
    CHECK_MESSAGE(code_of(response) == refused.code, refused.body);
  }
  CHECK(house.as_operator("PUT", "/accounts/nobody/auto-reload", R"({"enabled":false})").status == 404);
}

TEST_CASE("auto-reload: switched on below its threshold it asks at once") {
  ApiHouse house;
  int asked = 0;
  house.ledgers.set_outbox([&](storage::AccountTx&, const LedgerChanges& changes) { asked += changes.reload ? 1 : 0; });
  house.open_account("acme", "1");
  REQUIRE(house.as_operator("PUT", "/accounts/acme/auto-reload", R"({"enabled":true,"threshold":"5","amount":"20"})")
              .status == 200);
  CHECK(asked == 1);
}

TEST_CASE("ledger: without the operator's token nothing is shown") {
  ApiHouse house;
  house.open_account("acme", "1");
  for (const char* path : {"/accounts/acme/balance", "/accounts/acme/ledger", "/holds/hold_acme.1"})
    CHECK(house.ask("GET", std::string("/operator/v1") + path).status == 401);
  CHECK(house.ask("POST", "/operator/v1/accounts/acme/grants", R"({"amount":"1"})").status == 401);
}

}  // namespace tally::http::operator_ledger_test

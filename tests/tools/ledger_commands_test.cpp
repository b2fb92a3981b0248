#include "tools/tally/ledger_commands.h"

#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"

namespace ledger_commands_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

const HttpRequest& last(const Bench& bench) {
  return bench.server.requests().back();
}

constexpr const char* granted = R"({"lot":{"id":"lot_3","expires_at":"2027-01-01T00:00:00Z"},"entry":{"id":"ent_7"},)"
                                R"("balance":{"balance":"142.5","reserved":"2.5","available":"140","debt":"0"}})";

}  // namespace

TEST_CASE("grant: sends what was named, and says what came of it") {
  Bench bench(in_turn({answer(201, granted)}));
  GrantFields fields;
  fields.account = "acme";
  fields.amount = "100";
  fields.priority = -1;
  fields.reference = "invoice-17";
  fields.never_expires = true;
  fields.idempotency_key = "order-1";
  CHECK(grant(bench.session, fields) == 0);
  CHECK(last(bench).method == "POST");
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/grants");
  CHECK(last(bench).body == R"({"amount":"100","expires_at":null,"priority":-1,"reference":"invoice-17"})");
  CHECK(header(last(bench), "Idempotency-Key") == "order-1");
  CHECK(bench.out.str() ==
        "granted 100 to acme: lot_3, expires 2027-01-01T00:00:00Z; entry ent_7\n"
        "balance 142.5, reserved 2.5, available 140\n");
}

TEST_CASE("grant: a busy server is asked again with the same key, which is made when none is given") {
  Bench bench(in_turn({answer(503, ""), fail(Errc::unavailable, "reset"), answer(201, granted)}));
  bench.session.settings.json = true;
  GrantFields fields;
  fields.account = "acme";
  fields.amount = "1";
  CHECK(grant(bench.session, fields) == 0);
  REQUIRE(bench.server.requests().size() == 3);
  const std::string key = header(bench.server.requests()[0], "Idempotency-Key");
  CHECK(key.starts_with("cli_"));
  for (const HttpRequest& request : bench.server.requests()) CHECK(header(request, "Idempotency-Key") == key);
  CHECK(bench.out.str() == std::string(granted) + "\n");
}

TEST_CASE("grant: without any answer the key to repeat it with is told") {
  Bench bench(in_turn({fail(Errc::unavailable, "refused")}));
  GrantFields fields;
  fields.account = "acme";
  fields.amount = "1";
  fields.idempotency_key = "k-1";
  CHECK(grant(bench.session, fields) == 3);
  CHECK(bench.err.str().find("--idempotency-key k-1") != std::string::npos);
}

TEST_CASE("adjust: the amount is signed and the reason goes along") {
  Bench bench(in_turn({answer(201, granted)}));
  AdjustFields fields;
  fields.account = "acme";
  fields.amount = "-5";
  fields.reason = "granted twice";
  CHECK(adjust(bench.session, fields) == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/adjustments");
  CHECK(last(bench).body == R"({"amount":"-5","description":"granted twice"})");
  CHECK_FALSE(header(last(bench), "Idempotency-Key").empty());
}

TEST_CASE("reverse: names the event in the path") {
  Bench bench(in_turn({answer(200, R"({"credits":"1.5","entry":{"id":"ent_3","amount":"1.25"}})"),
                       answer(200, R"({"credits":"1.5","entry":null})")}));
  ReverseFields fields;
  fields.account = "acme";
  fields.source = "import:a/b";
  fields.id = "call 9";
  fields.reason = "garbage";
  CHECK(reverse(bench.session, fields) == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/events/import%3Aa%2Fb/call%209/reverse");
  CHECK(last(bench).body == R"({"account":"acme","reason":"garbage"})");
  CHECK(bench.out.str() == "reversed call 9, which was charged 1.5: 1.25 went back by ent_3\n");
  fields.source.clear();
  CHECK(reverse(bench.session, fields) == 0);
  CHECK(last(bench).url.ends_with("/events/-/call%209/reverse"));
  CHECK(bench.out.str().ends_with("which was charged 1.5: nothing had been debited\n"));
  CHECK_FALSE(header(last(bench), "Idempotency-Key").empty());
}

TEST_CASE("reload: shows, sets whole, and turns off without forgetting its figures") {
  const auto setting = R"({"enabled":true,"threshold":"100","amount":"1000","daily_cap":null})";
  Bench bench(in_turn({answer(200, setting)}));
  ReloadFields fields;
  fields.account = "acme";
  CHECK(reload(bench.session, fields) == 0);
  CHECK(last(bench).method == "GET");
  CHECK(bench.out.str() == "auto-reload of acme: when less than 100 is available, 1000 is bought\n");
  fields.threshold = "100";
  CHECK(reload(bench.session, fields) == 2);
  fields.amount = "1000";
  fields.daily_cap = "3000";
  CHECK(reload(bench.session, fields) == 0);
  CHECK(last(bench).method == "PUT");
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/auto-reload");
  CHECK(last(bench).body == R"({"enabled":true,"threshold":"100","amount":"1000","daily_cap":"3000"})");
  ReloadFields off;
  off.account = "acme";
  off.off = true;
  CHECK(reload(bench.session, off) == 0);
  CHECK(last(bench).body == R"({"enabled":false,"threshold":"100","amount":"1000","daily_cap":null})");
}

TEST_CASE("balance: the figures, and the open lots as a table") {
  const std::vector<Result<HttpAnswer>> answers = {
      answer(200, R"({"balance":"8.5","reserved":"1","available":"7.5","debt":"0"})"),
      answer(200, R"({"items":[{"id":"lot_1","origin":"grant","amount":"10","remaining":"8.5","priority":0,)"
                  R"("purchased_at":"2026-01-01T00:00:00Z","expires_at":null,"reference":"","description":"d",)"
                  R"("metadata":{}}],"next_cursor":null})")};
  Bench bench(in_turn(answers));
  CHECK(balance(bench.session, "acme") == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/lots?status=open&limit=500");
  CHECK(bench.out.str() ==
        "balance    8.5\n"
        "reserved   1\n"
        "available  7.5\n"
        "debt       0\n\n"
        "lot    origin  remaining  of  priority  purchased             expires  reference  description\n"
        "lot_1  grant         8.5  10         0  2026-01-01T00:00:00Z                      d\n");
  Bench json(in_turn(answers));
  json.session.settings.json = true;
  CHECK(balance(json.session, "acme") == 0);
  CHECK(json.out.str().starts_with(
      R"({"account":"acme","balance":"8.5","reserved":"1","available":"7.5","debt":"0","lots":[{"id":"lot_1")"));
}

TEST_CASE("ledger: filters go along and pages are followed up to the limit") {
  const std::string items = R"({"id":"ent_2","created_at":"t2","type":"debit","amount":"-1.5","balance_after":"8.5",)"
                            R"("endpoint":"search","event":{"source":"g","id":"call-1"},"description":""})";
  Bench bench(in_turn({answer(200, "{\"items\":[" + items + "],\"next_cursor\":\"ent_2\"}"),
                       answer(200, R"({"items":[],"next_cursor":null})")}));
  LedgerQuery query;
  query.account = "acme";
  query.limit = 0;
  query.type = "debit";
  query.from = "2026-01-01";
  CHECK(ledger(bench.session, query) == 0);
  CHECK(bench.server.requests()[0].url ==
        "http://tally.test/operator/v1/accounts/acme/ledger?type=debit&from=2026-01-01&limit=500");
  CHECK(last(bench).url.ends_with("&limit=500&cursor=ent_2"));
  CHECK(bench.out.str().find("ent_2  t2    debit    -1.5      8.5  search    call-1") != std::string::npos);
}

TEST_CASE("hold: created from credits or an endpoint, settled by credits or an event, released, shown") {
  Bench bench(in_turn({answer(200, R"({"id":"hold_acme.1","status":"open"})")}));
  HoldFields made;
  made.account = "acme";
  CHECK(hold_create(bench.session, made) == 2);
  made.endpoint = "search";
  made.quantity = 20;
  made.ttl_seconds = 300;
  CHECK(hold_create(bench.session, made) == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/holds");
  CHECK(last(bench).body == R"({"account":"acme","endpoint":"search","quantity":20,"ttl_seconds":300})");
  SettleFields settled;
  settled.hold = "hold_acme.1";
  CHECK(hold_settle(bench.session, settled) == 2);
  settled.credits = "7.5";
  CHECK(hold_settle(bench.session, settled) == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/holds/hold_acme.1/settle");
  CHECK(last(bench).body == R"({"credits":"7.5"})");
  settled.event_id = "call-9";
  settled.endpoint = "search";
  settled.results = 3;
  CHECK(hold_settle(bench.session, settled) == 0);
  CHECK(last(bench).body == R"({"event":{"id":"call-9","endpoint":"search","results":3,"credits":"7.5"}})");
  CHECK(hold_release(bench.session, {"hold_acme.1", ""}) == 0);
  CHECK(last(bench).url.ends_with("/holds/hold_acme.1/release"));
  CHECK(last(bench).body == "{}");
  CHECK_FALSE(header(last(bench), "Idempotency-Key").empty());
  CHECK(hold_show(bench.session, "hold_acme.1") == 0);
  CHECK(last(bench).method == "GET");
  CHECK(header(last(bench), "Idempotency-Key").empty());
}

namespace {

constexpr const char* hashes = R"("created_at":"2026-02-03T04:05:06Z","prev_hash":"aa","hash":"bb"})";

// What `explain` says of an entry whose lots are served one by one.
std::string explained(const std::string& entry, const std::string& reversed = "{}") {
  Bench bench([&](const HttpRequest& request) -> Result<HttpAnswer> {
    if (request.url.ends_with("/ledger/ent_7")) return answer(200, entry);
    if (request.url.ends_with("/ledger/ent_3")) return answer(200, reversed);
    const bool first = request.url.ends_with("/lots?limit=1");
    if (!first && !request.url.ends_with("/lots?limit=1&cursor=lot_1")) return answer(404, "");
    return answer(200, std::string(R"({"items":[{"id":")") + (first ? "lot_1" : "lot_2") +
                           R"(","origin":"grant","amount":"10","remaining":"0","priority":0,)"
                           R"("purchased_at":"2026-01-01T00:00:00Z","expires_at":null,"reference":"inv",)"
                           R"("description":"","metadata":{}}],"next_cursor":null})");
  });
  CHECK(explain(bench.session, "acme", "7") == 0);
  return bench.out.str();
}

}  // namespace

TEST_CASE("explain: a debit tells event, price, lots, debt, balances and hashes") {
  const std::string entry =
      std::string(R"({"seq":7,"id":"ent_7","type":"debit","amount":"-12.5","balance_after":"-2","endpoint":"search",)"
                  R"("event":{"source":"gateway","id":"call-1"},"price_version":3,"price":{"endpoint":"search",)"
                  R"("version":3,"credits":"2.5","category":"lookup","charge_on":"result","options":{"email":"1"},)"
                  R"("effective_at":"2026-01-01T00:00:00Z"},"hold":"hold_acme.4",)"
                  R"("lots":[{"lot":"lot_2","amount":"-8"},{"lot":"lot_1","amount":"-2.5"}],"description":"",)"
                  R"("reference":"","metadata":{},)") +
      hashes;
  CHECK(explained(entry) ==
        "ent_7 of account acme: 12.5 credits were charged\n"
        "posted 2026-02-03T04:05:06Z\n"
        "for the usage event \"call-1\" of source \"gateway\" at endpoint search, settling the hold hold_acme.4\n"
        "price: version 3, 2.5 a result, category lookup, 1 a email, in force from 2026-01-01T00:00:00Z\n"
        "taken from:\n"
        "lot    credits  what it is\n"
        "lot_2      8    grant of 10 on 2026-01-01T00:00:00Z, never expires, reference \"inv\"\n"
        "lot_1      2.5  grant of 10 on 2026-01-01T00:00:00Z, never expires, reference \"inv\"\n"
        "2 credits no lot could pay: they became debt\n"
        "balance: 10.5 before, -2 after\n"
        "chain: hash bb\n"
        "       over aa, the hash of ent_6\n");
}

TEST_CASE("explain: every other type of entry is said in its own words") {
  const auto entry = [](const std::string& type, const std::string& amount, const std::string& more) {
    return R"({"seq":7,"id":"ent_7","type":")" + type + R"(","amount":")" + amount + R"(","balance_after":"20",)" +
           more + R"("reference":"r-1","metadata":{"a":1},)" + hashes;
  };
  const std::string one_lot = R"("lots":[{"lot":"lot_1","amount":"4"}],"description":"why",)";
  const std::string grant_words = explained(entry("grant", "10", one_lot));
  CHECK(grant_words.starts_with("ent_7 of account acme: 10 credits were granted\n"));
  CHECK(grant_words.find("6 credits paid off debt first\n") != std::string::npos);
  CHECK(grant_words.find("description: \"why\"\nreference: \"r-1\"\nmetadata: {\"a\":1}\n") != std::string::npos);
  CHECK(explained(entry("adjustment", "4", one_lot)).find("the operator gave 4 credits as a correction") !=
        std::string::npos);
  CHECK(explained(entry("adjustment", "-4", one_lot)).find("the operator took 4 credits") != std::string::npos);
  const std::string expiry =
      explained(entry("expiry", "-4", R"("lots":[{"lot":"lot_1","amount":"-4"}],"description":"",)"));
  CHECK(expiry.find("4 credits expired unused") != std::string::npos);
  CHECK(expiry.find("never comes back") != std::string::npos);
  const std::string reversal =
      explained(entry("reversal", "4", R"("event":{"source":"","id":"c"},"reverses":"ent_3",)" + one_lot),
                R"({"id":"ent_3","amount":"-5.5","created_at":"2026-02-01T00:00:00Z"})");
  CHECK(reversal.find("for the usage event \"c\"\n") != std::string::npos);
  CHECK(reversal.find("takes back ent_3, which charged 5.5 credits on 2026-02-01T00:00:00Z\n") != std::string::npos);
  CHECK(reversal.find("1.5 of them had come from lots that expired since and stay expired\n") != std::string::npos);
}

}  // namespace ledger_commands_test

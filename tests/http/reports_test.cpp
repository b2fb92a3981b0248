#include "tests/http/report_house.h"

#include <doctest/doctest.h>

#include "http/digest.h"

namespace tally::http::reports_test {

namespace {

const std::string may = R"("from":"2026-05-01","to":"2026-06-01")";

std::string order(const std::string& type, const std::string& more = "") {
  const std::string by_month = type == "usage" ? R"(,"granularity":"month")" : "";
  return R"({"type":")" + type + "\"," + may + by_month + (more.empty() ? "" : "," + more) + "}";
}

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [each, value] : response.headers) {
    if (each == name) return value;
  }
  return {};
}

// Two accounts with a price, credits and some usage in May.
void fill(ReportHouse& house) {
  house.clock.set(UtcTime::parse("2026-05-10T12:00:00Z").value());
  REQUIRE(house
              .as_operator("POST", "/prices",
                           R"({"prices":[{"endpoint":"search","credits":"2","category":"find"},)"
                           R"({"endpoint":"enrich","credits":"5","category":"add","charge_on":"request"}]})")
              .status == 200);
  house.open_account("acme", "100");
  house.open_account("bolt", "10");
  house.event(R"([{"id":"1","account":"acme","endpoint":"search","results":3},
                  {"id":"2","account":"acme","endpoint":"enrich","ok":false},
                  {"id":"3","account":"acme","endpoint":"search"},
                  {"id":"4","account":"bolt","endpoint":"enrich"},
                  {"id":"5","account":"bolt","endpoint":"enrich"},
                  {"id":"6","account":"bolt","endpoint":"search"}])");
}

}  // namespace

TEST_CASE("reports: a statement tells what the ledger did and what the usage was") {
  ReportHouse house;
  fill(house);
  const Response told = house.report("acme", order("statement"));
  const std::string row = "result.rows.0.";
  CHECK(at(told, "status") == "completed");
  CHECK(at(told, row + "account") == "acme");
  CHECK(at(told, row + "opening") == "0");
  CHECK(at(told, row + "granted") == "100");
  CHECK(at(told, row + "consumed") == "13");
  CHECK(at(told, row + "closing") == "87");
  CHECK(at(told, row + "debt") == "0");
  CHECK(at(told, row + "by_endpoint.0.endpoint") == "enrich");
  CHECK(at(told, row + "by_endpoint.1.endpoint") == "search");
  CHECK(at(told, row + "by_endpoint.1.category") == "find");
  CHECK(at(told, row + "by_endpoint.1.results") == "4");
  CHECK(at(told, row + "by_endpoint.1.credits") == "8");
  CHECK(at(told, "result.totals.usage") == "13");
  CHECK(at(told, "result.as_of") == "4");  // the last entry of the ledger
}

TEST_CASE("reports: a statement of another time opens with what was there, and a debt is told") {
  ReportHouse house;
  fill(house);
  house.clock.set(UtcTime::parse("2026-06-10T00:00:00Z").value());
  const Response later = house.report("bolt", R"({"type":"statement","from":"2026-06-01","to":"2026-06-10"})");
  CHECK(at(later, "result.rows.0.opening") == "-2");
  CHECK(at(later, "result.rows.0.closing") == "-2");
  CHECK(at(later, "result.rows.0.debt") == "2");
  REQUIRE(house.as_operator("POST", "/accounts/bolt/grants", R"({"amount":"50"})").status == 201);
  const Response may_again = house.report("bolt", order("statement"));
  CHECK(at(may_again, "result.rows.0.debt") == "2");
  CHECK(at(may_again, "result.rows.0.closing") == "-2");
}

TEST_CASE("reports: a ledger has the entries of its range and what stood before and behind them") {
  ReportHouse house;
  fill(house);
  const Response told = house.report("acme", order("ledger"));
  CHECK(at(told, "result.rows.0.type") == "grant");
  CHECK(at(told, "result.rows.1.amount") == "-6");
  CHECK(at(told, "result.rows.1.event.id") == "1");
  CHECK(at(told, "result.rows.3.balance_after") == "87");
  CHECK(at(told, "result.totals.entries") == "4");
  CHECK(at(told, "result.totals.opening") == "0");
  CHECK(at(told, "result.totals.closing") == "87");
  const Response before = house.report("acme", R"({"type":"ledger","from":"2026-04-01","to":"2026-05-01"})");
  CHECK(at(before, "result.totals.entries") == "0");
  CHECK(at(before, "result.totals.closing") == "0");
}

TEST_CASE("reports: a what_if compares what was charged with what a draft would") {
  ReportHouse house;
  fill(house);
  const Response told =
      house.operator_report(order("what_if", R"("accounts":"*","prices":[{"endpoint":"enrich","credits":"1"}])"));
  CHECK(at(told, "result.rows.0.account") == "acme");
  CHECK(at(told, "result.rows.0.old") == "5");
  CHECK(at(told, "result.rows.0.new") == "0");  // the failed one has no result
  CHECK(at(told, "result.rows.0.difference") == "-5");
  CHECK(at(told, "result.rows.1.difference") == "0");
  CHECK(at(told, "result.totals.old") == "25");
  CHECK(at(told, "result.totals.new") == "12");
  CHECK(at(told, "result.totals.accounts_less") == "2");
  CHECK(at(told, "result.totals.accounts_more") == "0");
  CHECK(at(told, "result.totals.accounts") == "2");
}

TEST_CASE("reports: usage over accounts names them, and the digest is that of the rows' bytes") {
  ReportHouse house;
  fill(house);
  const Response told = house.operator_report(order("usage", R"("group_by":["endpoint"],"accounts":["bolt","acme"])"));
  CHECK(at(told, "result.rows.0.account") == "acme");
  CHECK(at(told, "result.rows.3.account") == "bolt");
  CHECK(at(told, "result.rows.3.endpoint") == "search");
  CHECK(at(told, "result.totals.credits") == "25");
  CHECK(at(told, "result.price_version") == "2");
  const std::string body = house.operator_result(at(told, "request_id")).body;
  const auto from = body.find("\"rows\":") + 7;
  const auto to = body.find(",\"totals\"");
  CHECK(at(told, "result.digest") == sha256_hex(body.substr(from, to - from)));
}

TEST_CASE("reports: equal orders over equal data are equal to the byte, in every format") {
  ReportHouse house;
  fill(house);
  for (const char* type : {"usage", "ledger", "statement"}) {
    for (const char* format : {"json", "ndjson", "csv", "xml"}) {
      const std::string body = order(type, R"("format":")" + std::string(format) + "\"");
      const std::string first = house.result("acme", at(house.report("acme", body), "request_id")).body;
      CHECK(first == house.result("acme", at(house.report("acme", body), "request_id")).body);
      CHECK_FALSE(first.empty());
    }
  }
}

TEST_CASE("reports: over many accounts, those that are busy and those that are not read the same") {
  ReportHouse house;
  fill(house);
  for (const char* type : {"statement", "what_if", "usage"}) {
    const std::string wanted =
        order(type, std::string(R"("accounts":"*")") +
                        (type == std::string("what_if") ? R"(,"prices":[{"endpoint":"enrich","credits":"1"}])" : ""));
    const std::string busy = at(house.operator_report(wanted), "result.digest");
    house.meter.flush_all();
    house.ledgers.flush_all();
    house.settle();
    CHECK(house.meter.is_settled(AccountId("acme")));
    CHECK(at(house.operator_report(wanted), "result.digest") == busy);
    house.event(R"([{"id":")" + std::string(type) + R"(","account":"bolt","endpoint":"search"}])");
    CHECK_FALSE(house.meter.is_settled(AccountId("bolt")));
    const std::string mixed = at(house.operator_report(wanted), "result.digest");
    CHECK(mixed != busy);
    house.meter.flush_all();
    house.ledgers.flush_all();
    house.settle();
    CHECK(at(house.operator_report(wanted), "result.digest") == mixed);
  }
}

TEST_CASE("reports: statements are as of all that was due when they were made, over many accounts too") {
  ReportHouse house;
  fill(house);
  REQUIRE(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"7","expires_at":"2026-05-20T00:00:00Z"})")
              .status == 201);
  house.meter.flush_all();
  house.ledgers.flush_all();
  house.settle();
  house.clock.set(UtcTime::parse("2026-06-10T00:00:00Z").value());
  const Response told = house.operator_report(order("statement", R"("accounts":"*")"));
  CHECK(at(told, "result.rows.0.expired") == "7");
  CHECK(at(told, "result.rows.0.closing") == "87");
  CHECK(at(told, "result.rows.1.expired") == "0");
}

TEST_CASE("reports: a long ledger's statement opens and closes as its entries do, wherever it is cut") {
  ReportHouse house;
  fill(house);
  for (int day = 11; day <= 30; ++day) {
    house.clock.set(UtcTime::parse("2026-05-" + std::to_string(day) + "T12:00:00Z").value());
    std::string events = "[";
    for (int i = 0; i < 30; ++i) {
      events += (i ? "," : "") + std::string(R"({"id":")") + std::to_string(100 * day + i) +
                R"(","account":"acme","endpoint":"search"})";
    }
    house.event(events + "]");
  }
  std::string closing = "0";
  for (int day = 10; day <= 29; ++day) {
    const std::string range =
        R"("from":"2026-05-)" + std::to_string(day) + R"(","to":"2026-05-)" + std::to_string(day + 1) + R"(")";
    const Response told = house.operator_report(R"({"type":"statement","accounts":["acme"],)" + range + "}");
    CHECK(at(told, "result.rows.0.opening") == closing);
    CHECK(at(told, "result.rows.0.consumed") == (day == 10 ? "13" : "60"));
    closing = at(told, "result.rows.0.closing");
  }
  CHECK(closing == std::to_string(87 - 19 * 60));
}

TEST_CASE("reports: a format other than JSON is told by its URL and what it adds up to") {
  ReportHouse house;
  fill(house);
  const Response told = house.report("acme", order("usage", R"("format":"csv")"));
  CHECK(at(told, "result_url") == at(told, "status_url") + "/result");
  CHECK(at(told, "summary.totals.credits") == "13");
  const Response csv = house.result("acme", at(told, "request_id"));
  CHECK(csv.content_type == "text/csv; charset=utf-8; header=present");
  CHECK(csv.body == "period,requests,ok,failed,results,credits\r\n2026-05-01T00:00:00Z,3,2,1,4,13\r\n");
  CHECK(at(told, "summary.bytes") == std::to_string(csv.body.size()));
}

TEST_CASE("reports: a statement in CSV has a line for each endpoint, and one for an account without any") {
  ReportHouse house;
  fill(house);
  house.open_account("calm");
  const Response told = house.operator_report(order("statement", R"("accounts":["calm","bolt"],"format":"csv")"));
  CHECK(house.operator_result(at(told, "request_id")).body ==
        "account,opening,granted,consumed,expired,adjusted,closing,debt,endpoint,category,requests,results,credits\r\n"
        "bolt,0,10,12,0,0,-2,2,enrich,add,2,2,10\r\n"
        "bolt,0,10,12,0,0,-2,2,search,find,1,1,2\r\n"
        "calm,0,0,0,0,0,0,0,,,,,\r\n");
}

TEST_CASE("reports: a part of a result is had by Range, and nothing beyond its end") {
  ReportHouse house;
  fill(house);
  const std::string id = at(house.report("acme", order("usage", R"("format":"ndjson")")), "request_id");
  const Response whole = house.result("acme", id);
  const std::string tag = header_of(whole, "ETag");
  const std::string size = std::to_string(whole.body.size());
  const auto part = [&](const std::string& range, std::vector<Field> more = {}) {
    more.emplace_back("range", range);
    return house.result("acme", id, std::move(more));
  };
  CHECK(part("bytes=2-5").status == 206);
  CHECK(part("bytes=2-5").body == whole.body.substr(2, 4));
  CHECK(header_of(part("bytes=2-5"), "Content-Range") == "bytes 2-5/" + size);
  CHECK(part("bytes=-3").body == whole.body.substr(whole.body.size() - 3));
  CHECK(part("bytes=5-").body == whole.body.substr(5));
  CHECK(part("bytes=0-999999").body == whole.body);
  CHECK(part("bytes=" + size + "-").status == 416);
  CHECK(header_of(part("bytes=" + size + "-"), "Content-Range") == "bytes */" + size);
  CHECK(part("bytes=-0").status == 416);
  for (const char* other : {"bytes=5-2", "bytes=0-1,3-4", "bytes=x", "lines=1-2", "bytes=-"}) {
    CHECK(part(other).status == 200);
  }
  CHECK(part("bytes=2-5", {{"if-range", tag}}).status == 206);
  CHECK(part("bytes=2-5", {{"if-range", "\"other\""}}).status == 200);
  CHECK(house.result("acme", id, {{"if-none-match", "W/\"x\", " + tag}}).status == 304);
  CHECK(house.result("acme", id, {{"if-none-match", "\"x\""}}).status == 200);
}

TEST_CASE("reports: a result that is worth it is packed for who understands it, under a tag of its own") {
  ReportHouse house;
  fill(house);
  for (int i = 0; i < 20; ++i)
    REQUIRE(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"1"})").status == 201);
  const std::string id = at(house.report("acme", order("ledger")), "request_id");
  const Response plain = house.result("acme", id);
  const Response packed = house.result("acme", id, {{"accept-encoding", "br, gzip;q=0.5"}});
  CHECK(header_of(packed, "Content-Encoding") == "gzip");
  CHECK(packed.body.size() < plain.body.size() / 2);
  CHECK(packed.body.substr(0, 2) == "\x1f\x8b");
  CHECK(header_of(packed, "ETag") != header_of(plain, "ETag"));
  CHECK(header_of(plain, "Vary") == "Accept-Encoding");
  CHECK(header_of(house.result("acme", id, {{"accept-encoding", "gzip;q=0"}}), "Content-Encoding").empty());
  CHECK(header_of(house.result("acme", id, {{"accept-encoding", "gzip"}, {"range", "bytes=0-9"}}), "Content-Encoding")
            .empty());
}

TEST_CASE("reports: a customer's report is over its own account, and never an operator's") {
  ReportHouse house;
  fill(house);
  const Response refused = house.ask_as("acme", "POST", "/v1/reports", order("usage", R"("accounts":"*")"));
  CHECK(refused.status == 422);
  CHECK(code_of(refused) == "unknown_field");
  const std::string id = at(house.operator_report(order("statement", R"("accounts":"*")")), "request_id");
  CHECK(house.ask_as("acme", "GET", "/v1/reports/" + id).status == 404);
  CHECK(house.result("acme", id).status == 404);
  const std::string own = at(house.report("acme", order("statement")), "request_id");
  CHECK(house.ask_operator("GET", "/" + own).status == 404);
}

TEST_CASE("reports: an order that says what its type has not is refused") {
  ReportHouse house;
  fill(house);
  const auto code = [&](const std::string& body) { return code_of(house.ask_operator("POST", "", body)); };
  const std::string all = R"("accounts":"*")";
  CHECK(code(order("pie", all)) == "invalid_type");
  CHECK(code(order("usage", R"("format":"pdf",)" + all)) == "invalid_format");
  CHECK(code(order("usage")) == "missing_accounts");
  CHECK(code(order("usage", R"("accounts":[])")) == "invalid_accounts");
  CHECK(code(order("usage", R"("accounts":["NO"])")) == "invalid_accounts");
  CHECK(code(order("usage", R"("accounts":["nobody"])")) == "unknown_account");
  CHECK(code(order("what_if", all)) == "missing_prices");
  CHECK(code(order("what_if", all + R"(,"prices":[{"endpoint":"a","credits":"-1"}])")) == "invalid_credits");
  CHECK(code(order("what_if", all + R"(,"prices":[{"endpoint":"a","credits":"1","options":{"x":"1"}}])")) ==
        "invalid_options");
  CHECK(code(order("what_if", all + R"(,"prices":[{"endpoint":"a","credits":1},{"endpoint":"a","credits":2}])")) ==
        "duplicate_endpoint");
  CHECK(code(order("usage", all + R"(,"prices":[{"endpoint":"a","credits":1}])")) == "invalid_prices");
  CHECK(code(order("ledger", all + R"(,"group_by":["key"])")) == "invalid_group_by");
}

TEST_CASE("reports: the operator's jobs are listed and cancelled, and what a key stored is answered again") {
  ReportHouse house;
  fill(house);
  const std::string body = order("statement", R"("accounts":"*")");
  const Response first = house.ask_operator("POST", "", body, {{"idempotency-key", "close-may"}});
  const Response again = house.ask_operator("POST", "", body, {{"idempotency-key", "close-may"}});
  CHECK(again.body == first.body);
  CHECK(replayed(again));
  const std::string id = at(first, "request_id");
  CHECK(at(first, "status_url") == "/operator/v1/reports/" + id);
  CHECK(code_of(house.operator_result(id)) == "not_completed");
  CHECK(at(house.ask_operator("DELETE", "/" + id), "status") == "cancelled");
  house.work();
  CHECK(at(house.ask_operator("GET", "/" + id), "status") == "cancelled");
  CHECK(at(house.ask_operator("GET", ""), "items.0.request_id") == id);
}

TEST_CASE("reports: past its time a report is gone, and says so to its owner alone") {
  ReportHouse house;
  fill(house);
  const std::string id = at(house.report("acme", order("statement")), "request_id");
  house.clock.advance_ms(8 * day_ms);
  REQUIRE(house.jobs().drop_old(house.clock.now() - 7 * day_ms, 10).value() == 1);
  house.settle();
  CHECK(house.result("acme", id).status == 410);
  CHECK(code_of(house.result("acme", id)) == "report_expired");
  CHECK(house.ask_as("acme", "GET", "/v1/reports/" + id).status == 410);
  CHECK(house.result("bolt", id).status == 404);
}

}  // namespace tally::http::reports_test

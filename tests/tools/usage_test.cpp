#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"
#include "tools/tally/commands.h"
#include "tools/tally/usage_report.h"

namespace usage_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

constexpr const char* accepted =
    R"({"request_id":"r_1","status":"queued","created_at":"…","status_url":"/v1/reports/r_1"})";
constexpr const char* completed =
    R"({"request_id":"r_1","status":"completed","result":{"type":"usage","account":"acme","from":"2026-02-01T00:00:00Z",)"
    R"("to":"2026-03-01T00:00:00Z","granularity":"day","as_of":9,"digest":"d","rows":[)"
    R"({"period":"2026-02-03T00:00:00Z","endpoint":"search","requests":12,"ok":11,"failed":1,"results":11,"credits":"142.5"},)"
    R"({"period":"2026-02-04T00:00:00Z","endpoint":"","requests":3,"ok":3,"failed":0,"results":3,"credits":"68"}],)"
    R"("totals":{"requests":15,"ok":14,"failed":1,"results":14,"credits":"210.5"}}})";

UsageQuery february() {
  UsageQuery query;
  query.month = "2026-02";
  query.group_by = {"endpoint"};
  return query;
}

}  // namespace

TEST_CASE("usage: submits, waits and prints a table with totals") {
  Bench bench(in_turn({answer(202, accepted), answer(200, R"({"status":"processing"})"), answer(200, completed)}));
  bench.clock.set(*UtcTime::parse("2026-03-09"));
  CHECK(usage(bench.session, february()) == 0);
  const auto& requests = bench.server.requests();
  CHECK(requests[0].body == R"({"type":"usage","from":"2026-02-01T00:00:00Z","to":"2026-03-01T00:00:00Z",)"
                            R"("granularity":"day","group_by":["endpoint"]})");
  CHECK(header(requests[0], "X-API-Key") == "key");
  CHECK(requests[1].url == "http://tally.test/v1/reports/r_1?wait=20");
  CHECK(bench.out.str() ==
        "usage of acme from 2026-02-01T00:00:00Z to 2026-03-01T00:00:00Z\n\n"
        "period      endpoint  requests  ok  failed  results  credits\n"
        "2026-02-03  search          12  11       1       11    142.5\n"
        "2026-02-04  -                3   3       0        3     68\n"
        "------------------------------------------------------------\n"
        "total                       15  14       1       14    210.5\n");
}

TEST_CASE("usage: with --json the report comes as the server made it") {
  Bench bench(in_turn({answer(202, accepted), answer(200, completed)}));
  bench.session.settings.json = true;
  CHECK(usage(bench.session, february()) == 0);
  CHECK(bench.out.str() == (*Json::parse(completed))["result"].dump() + "\n");
}

TEST_CASE("usage: a result too large for the poll is fetched") {
  Bench bench(
      in_turn({answer(202, accepted), answer(200, R"({"request_id":"r_1","status":"completed","result_url":"x"})"),
               answer(200, R"({"type":"usage","rows":[],"totals":{"requests":0}})")}));
  CHECK(usage(bench.session, february()) == 0);
  CHECK(bench.server.requests().back().url == "http://tally.test/v1/reports/r_1/result");
}

TEST_CASE("usage: without a month the running one is asked for") {
  Bench bench(in_turn({answer(202, accepted), answer(200, completed)}));
  bench.clock.set(*UtcTime::parse("2026-12-31T23:59:59Z"));
  CHECK(usage(bench.session, {}) == 0);
  CHECK(bench.server.requests()[0].body.find(R"("from":"2026-12-01T00:00:00Z","to":"2027-01-01T00:00:00Z")") !=
        std::string::npos);
}

TEST_CASE("usage: the running month is asked for as far as it has come") {
  Bench bench(in_turn({answer(202, accepted), answer(200, completed)}));
  bench.clock.set(*UtcTime::parse("2026-02-09T10:30:00Z"));
  UsageQuery by_day = february();
  CHECK(usage(bench.session, by_day) == 0);
  CHECK(bench.server.requests()[0].body.find(R"("to":"2026-02-10T00:00:00Z")") != std::string::npos);
  UsageQuery by_month = february();
  by_month.granularity = "month";
  Bench again(in_turn({answer(202, accepted), answer(200, completed)}));
  again.clock.set(bench.clock.now());
  CHECK(usage(again.session, by_month) == 0);
  CHECK(again.server.requests()[0].body.find(R"("to":"2026-03-01T00:00:00Z")") != std::string::npos);
}

TEST_CASE("usage: a range goes as it is, and half of one is a mistake") {
  Bench bench(in_turn({answer(202, accepted), answer(200, completed)}));
  UsageQuery query;
  query.from = "2026-02-01";
  CHECK(usage(bench.session, query) == 2);
  query.to = "2026-02-08";
  CHECK(usage(bench.session, query) == 0);
  CHECK(bench.server.requests()[0].body.find(R"("from":"2026-02-01","to":"2026-02-08")") != std::string::npos);
  query.month = "2026-02";
  CHECK(usage(bench.session, query) == 2);
  UsageQuery month;
  month.month = "2026-13";
  CHECK(usage(bench.session, month) == 2);
}

TEST_CASE("usage: without a key nothing is sent") {
  Bench bench(in_turn({answer(500, "")}));
  bench.session.settings.key.clear();
  CHECK(usage(bench.session, february()) == 2);
  CHECK(bench.server.requests().empty());
}

TEST_CASE("usage: a failed report is exit code 1 with its reason, a report that never ends 3") {
  Bench failed(
      in_turn({answer(202, accepted),
               answer(200, R"({"status":"failed","error":{"code":"result_too_large","message":"too many rows"}})")}));
  CHECK(usage(failed.session, february()) == 1);
  CHECK(failed.err.str() == "tally: the report failed: too many rows\n");
  Bench endless(in_turn({answer(202, accepted), answer(200, R"({"status":"queued"})")}));
  CHECK(usage(endless.session, february()) == 3);
  CHECK(endless.server.requests().back().url.ends_with("?wait=0"));
}

TEST_CASE("usage: a period is named by its granularity") {
  CHECK(period_name("2026-02-03T04:00:00Z", "hour") == "2026-02-03 04:00");
  CHECK(period_name("2026-02-03T00:00:00Z", "day") == "2026-02-03");
  CHECK(period_name("2026-02-01T00:00:00Z", "month") == "2026-02");
  CHECK(period_name("2026-01-01T00:00:00Z", "year") == "2026");
  CHECK(period_name("2026-01-01T00:00:00Z", "total") == "total");
  CHECK(period_name("", "hour").empty());
}

TEST_CASE("usage: a month is a half-open range, and anything else is refused") {
  CHECK(month_range("2024-02")->to.to_string() == "2024-03-01T00:00:00Z");
  for (const char* text : {"", "2024", "2024-2", "2024-00", "2024-13", "2024/02", "2024-02-01", "xxxx-xx"})
    CHECK_FALSE(month_range(text).has_value());
}

}  // namespace usage_test

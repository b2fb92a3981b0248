#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"
#include "tools/tally/commands.h"
#include "tools/tally/report_flow.h"
#include "tools/tally/report_table.h"

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

TEST_CASE("usage: a range is understood in words, ends now without an end, and has to begin") {
  Bench bench(in_turn({answer(202, accepted), answer(200, completed), answer(202, accepted), answer(200, completed)}));
  bench.clock.set(*UtcTime::parse("2026-02-11T10:30:00Z"));
  UsageQuery query;
  query.to = "2026-02-08";
  CHECK(usage(bench.session, query) == 2);
  query.from = "last monday";
  query.to = "yesterday";
  CHECK(usage(bench.session, query) == 0);
  CHECK(bench.server.requests()[0].body.find(R"("from":"2026-02-09T00:00:00Z","to":"2026-02-10T00:00:00Z")") !=
        std::string::npos);
  query.to.reset();
  CHECK(usage(bench.session, query) == 0);
  CHECK(bench.server.requests()[2].body.find(R"("from":"2026-02-09T00:00:00Z","to":"2026-02-12T00:00:00Z")") !=
        std::string::npos);
  query.from = "some day";
  CHECK(usage(bench.session, query) == 2);
  query.from = "2026-02-01";
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

TEST_CASE("report: a terminal sees how far it is, and the line is gone before the result") {
  Bench bench(
      in_turn({answer(202, accepted),
               answer(200, R"({"request_id":"r_1","status":"processing","progress":{"done":300,"total":1000}})"),
               answer(200, completed)}));
  bench.session.settings.progress = true;
  ReportQuery query;
  query.usage = february();
  CHECK(make_and_show_report(bench.session, query) == 0);
  CHECK(bench.server.requests()[1].url.ends_with("?wait=0"));
  CHECK(bench.err.str().find("[#########---------------------]  30%  300 of 1000") != std::string::npos);
  CHECK(bench.err.str().ends_with("\r\x1b[K"));
  CHECK(bench.out.str().starts_with("usage of acme"));
}

TEST_CASE("report: another format is asked for and comes as it is, to a file if one is named") {
  const HttpAnswer made = answer(202, accepted);
  const HttpAnswer done = answer(200, R"({"request_id":"r_1","status":"completed"})");
  const HttpAnswer bytes = answer(200, "a,b\r\n1,2\r\n");
  Bench bench(in_turn({made, done, bytes, made, done, bytes}));
  ReportQuery query;
  query.usage = february();
  query.type = "statement";
  query.format = "csv";
  CHECK(make_and_show_report(bench.session, query) == 0);
  CHECK(bench.server.requests()[0].body.find(R"("type":"statement")") != std::string::npos);
  CHECK(bench.server.requests()[0].body.ends_with(R"("format":"csv"})"));
  CHECK(bench.server.requests()[2].url == "http://tally.test/v1/reports/r_1/result");
  CHECK(bench.out.str() == "a,b\r\n1,2\r\n");
  query.output = "/no/such/folder/file";
  CHECK(make_and_show_report(bench.session, query) == 2);
}

TEST_CASE("report: over many accounts it is the operator's, by whole months where there are no periods") {
  const HttpAnswer done = answer(
      200, R"({"request_id":"r_1","status":"completed","result":{"type":"statement","from":"a","to":"b","rows":[)"
           R"({"account":"acme","opening":"0","granted":"10","consumed":"1.5","expired":"0","adjusted":"0",)"
           R"("closing":"8.5","debt":"0","by_endpoint":[]}],"totals":{"accounts":1,"opening":"0","granted":"10",)"
           R"("consumed":"1.5","expired":"0","adjusted":"0","closing":"8.5","debt":"0","usage":"1.5"}}})");
  Bench bench(in_turn({answer(202, accepted), done, answer(202, accepted), done}));
  bench.clock.set(*UtcTime::parse("2026-03-09"));
  bench.session.settings.key.clear();
  ReportQuery query;
  query.type = "statement";
  query.accounts = {"*"};
  CHECK(make_and_show_report(bench.session, query) == 0);
  const auto& requests = bench.server.requests();
  CHECK(requests[0].url == "http://tally.test/operator/v1/reports");
  CHECK(requests[0].body == R"({"type":"statement","from":"2026-03-01T00:00:00Z","to":"2026-04-01T00:00:00Z",)"
                            R"("granularity":"month","accounts":"*"})");
  CHECK(header(requests[0], "Authorization") == "Bearer token");
  CHECK(requests[1].url.starts_with("http://tally.test/operator/v1/reports/r_1?wait="));
  CHECK(bench.out.str() ==
        "statement of 1 account from a to b\n\n"
        "account  opening  granted  consumed  expired  adjusted  closing  debt\n"
        "acme           0       10       1.5        0         0      8.5     0\n"
        "---------------------------------------------------------------------\n"
        "total          0       10       1.5        0         0      8.5     0\n");
  query.accounts = {"acme", "bolt"};
  query.usage.from = "2026-02-01";
  CHECK(make_and_show_report(bench.session, query) == 0);
  CHECK(requests[2].body.find(R"("granularity":"day","accounts":["acme","bolt"])") != std::string::npos);
}

TEST_CASE("report: the draft of what_if comes from a file, a list or an object with one") {
  for (const char* prices : {R"([{"endpoint":"search","credits":"1"}])",
                             R"({"prices":[{"endpoint":"search","credits":"1"}],"effective_at":"2026-01-01"})"}) {
    Bench bench(in_turn({answer(202, accepted), answer(200, completed)}));
    ReportQuery query;
    query.type = "what_if";
    query.prices = prices;
    CHECK(make_and_show_report(bench.session, query) == 0);
    CHECK(bench.server.requests()[0].body.find(R"("prices":[{"endpoint":"search","credits":"1"}])") !=
          std::string::npos);
  }
  Bench bench(in_turn({answer(202, accepted), answer(200, completed)}));
  ReportQuery query;
  query.prices = "{}";
  CHECK(make_and_show_report(bench.session, query) == 2);
  CHECK(bench.server.requests().empty());
}

TEST_CASE("report: a large result comes in pieces, in order, and one that breaks off is said to be not whole") {
  constexpr std::int64_t size = (8 << 20) + 3;
  const HttpAnswer made = answer(202, accepted);
  const HttpAnswer done =
      answer(200, R"({"request_id":"r_1","status":"completed","summary":{"bytes":)" + std::to_string(size) + "}}");
  Bench bench(in_turn({made, done, answer(206, std::string(8 << 20, 'a')), answer(206, "end")}));
  ReportQuery query;
  query.usage = february();
  query.format = "ndjson";
  CHECK(make_and_show_report(bench.session, query) == 0);
  CHECK(header(bench.server.requests()[2], "Range") == "bytes=0-8388607");
  CHECK(header(bench.server.requests()[3], "Range") == "bytes=8388608-8388610");
  CHECK(bench.out.str().size() == size);
  CHECK(bench.out.str().ends_with("aend"));
  Bench broken(in_turn({made, done, answer(206, std::string(8 << 20, 'a')), answer(404, "{}")}));
  query.output = "/dev/null";
  CHECK(make_and_show_report(broken.session, query) == 1);
  CHECK(broken.err.str().find("/dev/null is not whole") != std::string::npos);
}

TEST_CASE("report: rate and time left are told once something is done") {
  CHECK(report_progress_text(0, 0, 3.2) == "waiting  3 s");
  CHECK(report_progress_text(0, 10, 1) == "[" + std::string(30, '-') + "]   0%  0 of 10");
  CHECK(report_progress_text(250, 1000, 10) ==
        "[" + std::string(7, '#') + std::string(23, '-') + "]  25%  250 of 1000  25/s  30 s left");
  CHECK(report_progress_text(20, 10, 1).find("100%  10 of 10") != std::string::npos);
}

}  // namespace usage_test

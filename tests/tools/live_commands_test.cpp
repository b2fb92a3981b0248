#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"
#include "tools/tally/arguments.h"
#include "tools/tally/commands.h"
#include "tools/tally/json.h"

namespace live_commands_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

// What a command line asks of a server that answers in turn.
struct Run {
  int code = 0;
  std::vector<HttpRequest> requests;
  std::string out;
  std::string err;
};

Run run(const std::vector<std::string>& arguments, std::vector<Result<HttpAnswer>> answers) {
  std::ostringstream out;
  std::ostringstream err;
  Surroundings surroundings;
  surroundings.environment = [](const char*) -> std::optional<std::string> { return std::nullopt; };
  auto parsed = parse_arguments(arguments, surroundings, out, err);
  REQUIRE_MESSAGE(parsed.invocation.has_value(), err.str());
  Bench bench(in_turn(std::move(answers)));
  bench.session.settings.json = parsed.invocation->settings.json;
  bench.clock.set(*UtcTime::parse("2026-11-22T10:00:00Z"));
  Run done;
  done.code = parsed.invocation->command(bench.session);
  done.requests = bench.server.requests();
  done.out = bench.out.str();
  done.err = bench.err.str();
  return done;
}

TEST_CASE("webhooks: made, tested, rotated and deleted as the customer") {
  auto made =
      run({"webhooks", "create", "https://example.com/hook", "--event", "credits.low", "--event", "report.failed"},
          {answer(201, R"({"id":"wh_1","secret":"whsec_x"})")});
  CHECK(made.code == 0);
  CHECK(made.requests[0].url == "http://tally.test/v1/webhooks");
  CHECK(made.requests[0].body == R"({"url":"https://example.com/hook","events":["credits.low","report.failed"]})");
  CHECK(header(made.requests[0], "X-API-Key") == "key");
  CHECK(header(made.requests[0], "Idempotency-Key").starts_with("cli_"));
  CHECK(made.err.find("never shows it again") != std::string::npos);
  const auto tested = run({"webhooks", "test", "wh_1"}, {answer(202, R"({"id":"msg_1","status":"pending"})")});
  CHECK(tested.requests[0].method == "POST");
  CHECK(tested.requests[0].url == "http://tally.test/v1/webhooks/wh_1/test");
  CHECK(run({"webhooks", "rotate", "wh_1"}, {answer(200, "{}")}).requests[0].url ==
        "http://tally.test/v1/webhooks/wh_1/rotate-secret");
  CHECK(run({"webhooks", "enable", "wh_1"}, {answer(200, "{}")}).requests[0].body == R"({"status":"active"})");
  const auto deleted = run({"--json", "webhooks", "delete", "wh_1"}, {answer(204, "")});
  CHECK(deleted.out == "{\"deleted\":\"wh_1\"}\n");
}

TEST_CASE("webhooks: the list says why one is disabled") {
  const auto listed = run({"webhooks", "list"},
                          {answer(200, R"({"items":[{"id":"wh_1","url":"https://a","events":["credits.low"],)"
                                       R"("status":"disabled","disabled_reason":"failing"}],"next_cursor":null})")});
  CHECK(listed.out.find("failing") != std::string::npos);
  CHECK(header(listed.requests[0], "X-API-Key") == "key");
}

TEST_CASE("jobs: listed, shown and cancelled as the customer") {
  CHECK(run({"jobs", "list", "--limit", "3"}, {answer(200, R"({"items":[],"next_cursor":null})")}).requests[0].url ==
        "http://tally.test/v1/reports?limit=3");
  CHECK(run({"jobs", "show", "r_1"}, {answer(200, "{}")}).requests[0].url == "http://tally.test/v1/reports/r_1");
  CHECK(run({"jobs", "cancel", "r_1"}, {answer(200, "{}")}).requests[0].method == "DELETE");
}

TEST_CASE("deliveries: one is shown with what came back, as a table") {
  const char* detail =
      R"({"id":"msg_1","status":"dead","body":"{}","log":[)"
      R"({"started_at":"2026-02-03T04:05:06Z","took_ms":12,"status":500,"error":"answered 500","response":"oops"}]})";
  const auto shown = run({"deliveries", "show", "msg_1"}, {answer(200, detail)});
  CHECK(shown.requests[0].url == "http://tally.test/operator/v1/deliveries/msg_1");
  CHECK(shown.out.find("oops") != std::string::npos);
  CHECK(shown.out.find("log") == std::string::npos);
  CHECK(run({"--json", "deliveries", "show", "msg_1"}, {answer(200, detail)}).out ==
        Json::parse(detail)->dump() + "\n");
  CHECK(run({"deliveries", "list", "--status", "dead"}, {answer(200, R"({"items":[],"next_cursor":null})")})
            .requests[0]
            .url == "http://tally.test/operator/v1/deliveries?status=dead&limit=500");
}

TEST_CASE("deliveries: one is sent again by its id, a range until its cursor ends") {
  CHECK(run({"deliveries", "replay", "msg_1"}, {answer(202, R"({"status":"pending"})")}).requests[0].url ==
        "http://tally.test/operator/v1/deliveries/msg_1/replay");
  const auto range = run({"deliveries", "replay", "--account", "acme", "--from", "yesterday"},
                         {answer(202, R"({"replayed":1000,"skipped":0,"next_cursor":"acme/msg_9"})"),
                          answer(202, R"({"replayed":7,"skipped":2,"next_cursor":null})")});
  REQUIRE(range.requests.size() == 2);
  CHECK(range.requests[0].url == "http://tally.test/operator/v1/deliveries/replay");
  CHECK(range.requests[0].body ==
        R"({"from":"2026-11-21T00:00:00Z","to":"2026-11-22T10:00:00Z","status":"dead","account":"acme"})");
  CHECK(range.requests[1].body.ends_with(R"("cursor":"acme/msg_9"})"));
  CHECK(range.out == "sent again: 1007, skipped: 2\n");
  CHECK(run({"deliveries", "replay"}, {answer(202, "{}")}).code == 2);
  CHECK(run({"deliveries", "replay", "msg_1", "--from", "today"}, {answer(202, "{}")}).code == 2);
  CHECK(run({"deliveries", "replay", "--from", "some day"}, {answer(202, "{}")}).code == 2);
}

TEST_CASE("schedule: made, paused, resumed and deleted as the operator") {
  const auto made = run({"schedule", "create", "acme", "0 6 L * *", "--period", "previous_day", "--group-by",
                         "endpoint", "--start", "3 days ago"},
                        {answer(201, R"({"id":"sch_1"})")});
  CHECK(made.requests[0].body ==
        R"({"account":"acme","when":"0 6 L * *","report":{"type":"usage","period":"previous_day","granularity":"day",)"
        R"("group_by":["endpoint"]},"start_at":"2026-11-19T00:00:00Z"})");
  CHECK(header(made.requests[0], "Authorization") == "Bearer token");
  CHECK(run({"schedule", "pause", "sch_1"}, {answer(200, "{}")}).requests[0].body == R"({"status":"paused"})");
  CHECK(run({"schedule", "resume", "sch_1"}, {answer(200, "{}")}).requests[0].body == R"({"status":"active"})");
  CHECK(run({"schedule", "delete", "sch_1"}, {answer(204, "")}).requests[0].method == "DELETE");
  CHECK(run({"schedule", "list"}, {answer(200, R"({"items":[],"next_cursor":null})")})
            .err.find("tally schedule create") != std::string::npos);
}

TEST_CASE("completion: the script knows every command of the command line") {
  const auto script = run({"completion", "bash"}, {answer(200, "")}).out;
  for (const char* command : {"account/create", "webhooks/test", "deliveries/replay", "schedule/pause", "/report"})
    CHECK_MESSAGE(script.find(command) != std::string::npos, command);
  CHECK(script.find("--callback-url") != std::string::npos);
}

}  // namespace live_commands_test

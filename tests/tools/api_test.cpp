#include "tools/tally/api.h"

#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"

namespace api_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

TEST_CASE("api: the operator's token and the customer's key go where they belong") {
  Bench bench(in_turn({answer(200, "{}")}));
  REQUIRE(Api(bench.session).call("GET", "/x").has_value());
  REQUIRE(Api(bench.session, Api::Caller::customer).call("POST", "/y", "{}").has_value());
  const auto& requests = bench.server.requests();
  CHECK(requests[0].url == "http://tally.test/x");
  CHECK(header(requests[0], "Authorization") == "Bearer token");
  CHECK(header(requests[0], "X-API-Key").empty());
  CHECK(header(requests[0], "Content-Type").empty());
  CHECK(header(requests[1], "Authorization").empty());
  CHECK(header(requests[1], "X-API-Key") == "key");
  CHECK(header(requests[1], "X-API-Secret") == "secret");
  CHECK(header(requests[1], "Content-Type") == "application/json");
}

TEST_CASE("api: a problem is told by code, title and detail, and is exit code 1") {
  Bench bench(
      in_turn({answer(409, R"({"title":"Conflict","status":409,"detail":"it exists","code":"account_exists"})")}));
  const auto refused = Api(bench.session).call("POST", "/x", "{}");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().exit == Exit::refused);
  CHECK(refused.error().code == "account_exists");
  CHECK(report(bench.session, refused.error()) == 1);
  CHECK(bench.err.str() == "tally: the server refused (409 account_exists): Conflict: it exists\n");
  CHECK(bench.out.str().empty());
}

TEST_CASE("api: with --json a failure is machine output too") {
  Bench bench(in_turn({answer(404, "gone fishing")}));
  bench.session.settings.json = true;
  report(bench.session, Api(bench.session).call("GET", "/x").error());
  CHECK(bench.out.str() ==
        "{\"error\":{\"message\":\"the server refused (404): gone fishing\",\"code\":\"\",\"status\":404}}\n");
}

TEST_CASE("api: no answer is exit code 3, a URL that is none 2, and an answer that is no JSON 1") {
  Bench silent(in_turn({fail(Errc::unavailable, "connection refused")}));
  CHECK(Api(silent.session).call("GET", "/x").error().exit == Exit::unreachable);
  Bench wrong(in_turn({fail(Errc::invalid_argument, "no URL")}));
  CHECK(Api(wrong.session).call("GET", "/x").error().exit == Exit::usage);
  Bench page(in_turn({answer(200, "<html>")}));
  CHECK(Api(page.session).call("GET", "/x").error().exit == Exit::refused);
}

TEST_CASE("api: a patient call outlasts a busy, failing or absent server") {
  Bench bench(in_turn({answer(503, "", "2"), answer(429, "", "not a number"), fail(Errc::unavailable, "reset"),
                       answer(500, ""), answer(200, R"({"a":1})")}));
  const auto json = Api(bench.session).call("GET", "/x", {}, {.attempts = 5});
  REQUIRE(json.has_value());
  CHECK((*json)["a"].integer() == 1);
  REQUIRE(bench.pauses.size() == 4);
  CHECK(bench.pauses[0] == 2000);
  for (std::size_t i = 1; i < bench.pauses.size(); ++i) {
    const std::int64_t backoff = 250 << i;
    CHECK(bench.pauses[i] >= backoff / 2);
    CHECK(bench.pauses[i] <= backoff);
  }
}

TEST_CASE("api: patience ends, waits at most a minute at once, and a refusal needs none") {
  Bench bench(in_turn({answer(503, "", "999999999999")}));
  CHECK(Api(bench.session).call("GET", "/x", {}, {.attempts = 3}).error().status == 503);
  CHECK(bench.pauses == std::vector<std::int64_t>{60'000, 60'000});
  Bench refused(in_turn({answer(422, "{}")}));
  CHECK_FALSE(Api(refused.session).call("GET", "/x", {}, {.attempts = 9}).has_value());
  CHECK(refused.server.requests().size() == 1);
}

TEST_CASE("api: names are encoded for the path") {
  CHECK(url_encoded("a-Z_0.9~") == "a-Z_0.9~");
  CHECK(url_encoded("v1/people?x #%\xc3") == "v1%2Fpeople%3Fx%20%23%25%C3");
}

}  // namespace api_test

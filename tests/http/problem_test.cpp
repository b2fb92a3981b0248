#include "http/problem.h"

#include <doctest/doctest.h>

namespace tally::http::problem_test {

TEST_CASE("problem: the body is RFC 9457 with a stable code") {
  const Response response = problem(404, "not_found", "no \"such\" thing");
  CHECK(response.status == 404);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.body ==
        R"({"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"no \"such\" thing"})");
  CHECK(problem(401, "x", "").body == R"({"type":"about:blank","title":"Unauthorized","status":401,"code":"x"})");
}

TEST_CASE("problem: every error has its status, and its rule is its code") {
  CHECK(status_of(fail(Errc::invalid_argument, "")) == 422);
  CHECK(status_of(fail(Errc::invalid_argument, "", "malformed_json")) == 400);
  CHECK(status_of(fail(Errc::not_found, "")) == 404);
  CHECK(status_of(fail(Errc::conflict, "")) == 409);
  CHECK(status_of(fail(Errc::insufficient_credits, "")) == 402);
  CHECK(status_of(fail(Errc::rate_limited, "")) == 429);
  CHECK(status_of(fail(Errc::too_large, "")) == 413);
  CHECK(status_of(fail(Errc::gone, "")) == 410);
  CHECK(status_of(fail(Errc::exhausted, "")) == 503);
  CHECK(status_of(fail(Errc::unavailable, "")) == 503);
  CHECK(status_of(fail(Errc::corrupt, "")) == 500);
  CHECK(
      problem(fail(Errc::invalid_argument, "month is 1-12", "invalid_month")).body.find("\"code\":\"invalid_month\"") !=
      std::string::npos);
  CHECK(problem(fail(Errc::conflict, "")).body.find("\"code\":\"conflict\"") != std::string::npos);
}

TEST_CASE("problem: 429 and 503 say when to come again, 500 keeps its detail to itself") {
  CHECK(problem(fail(Errc::rate_limited, "too many jobs")).headers.at(0) == Field{"Retry-After", "60"});
  const Response busy = problem(fail(Errc::exhausted, "queue full"));
  CHECK(busy.headers.at(0) == Field{"Retry-After", "1"});
  CHECK(problem(fail(Errc::corrupt, "secret path")).body.find("secret") == std::string::npos);
}

}  // namespace tally::http::problem_test

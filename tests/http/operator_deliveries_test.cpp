#include "http/operator/deliveries.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace operator_deliveries_test {

using namespace tally;
using namespace tally::http;

// The routes over a desk that notes what it is asked.
struct Desk {
  ApiHouse house;
  Router router{[](int status, std::string_view code, const Request&) { return problem(status, code, ""); }};
  std::optional<ReplayRange> asked;
  Result<ReplayCount> count = ReplayCount{2, 1, "acme/msg_9"};
  OperatorDeliveries handler{desk(), house.idempotency};

  Desk() { handler.add_to(router, house.guard); }

  DeliveryDesk desk() {
    DeliveryDesk made;
    made.show = [](const DeliveryId& id) -> Result<DeliveryDetail> {
      if (id.str() != "msg_1") return fail(Errc::not_found, "no such delivery");
      DeliveryDetail detail;
      detail.delivery.id = id;
      detail.delivery.account = AccountId("acme");
      detail.body = "{}";
      AttemptRecord attempt;
      attempt.url = "https://example.com/";
      attempt.status = 500;
      attempt.took_ms = 12;
      attempt.response = "\xff!";
      detail.attempts = {attempt};
      return detail;
    };
    made.replay_range = [this](const ReplayRange& range, const DeliveryDesk::RangeDone& done) {
      asked = range;
      done(count);
    };
    return made;
  }

  Response call(const std::string& method, const std::string& path, std::string body = {}) {
    Request request;
    request.method = method;
    request.target = request.path = "/operator/v1" + path;
    request.headers = {{"authorization", "Bearer token"}, {"content-type", "application/json"}};
    request.body = std::move(body);
    Response answer;
    router.route(std::move(request), Reply([&](Response&& response) { answer = std::move(response); }));
    house.settle();
    return answer;
  }
};

TEST_CASE("deliveries by HTTP: one is shown with its body and log, without the signature") {
  Desk desk;
  const Response shown = desk.call("GET", "/deliveries/msg_1");
  CHECK(shown.status == 200);
  CHECK(at(shown, "body") == "{}");
  CHECK(at(shown, "log.0.status") == "500");
  CHECK(at(shown, "log.0.took_ms") == "12");
  CHECK(at(shown, "log.0.response") == "\xEF\xBF\xBD!");
  CHECK(at(shown, "log.0.headers.webhook-id") == "msg_1");
  CHECK(shown.body.find("signature") == std::string::npos);
  CHECK(desk.call("GET", "/deliveries/msg_2").status == 404);
}

TEST_CASE("deliveries by HTTP: a range to replay is dead ones of a time, of all accounts unless one is named") {
  Desk desk;
  const Response answer =
      desk.call("POST", "/deliveries/replay", R"({"from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z"})");
  CHECK(answer.status == 202);
  CHECK(answer.body == R"({"replayed":2,"skipped":1,"next_cursor":"acme/msg_9"})");
  REQUIRE(desk.asked);
  CHECK(!desk.asked->account);
  CHECK(desk.asked->status == DeliveryStatus::dead);
  CHECK(desk.asked->limit == 1000);
  CHECK(desk.asked->created.to.to_string() == "2026-02-04T00:00:00Z");
  desk.call("POST", "/deliveries/replay",
            R"({"account":"acme","webhook_id":"wh_1","status":"delivered","limit":3,"cursor":"c",)"
            R"("from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z"})");
  CHECK(desk.asked->account == AccountId("acme"));
  CHECK(desk.asked->webhook_id == "wh_1");
  CHECK(desk.asked->status == DeliveryStatus::delivered);
  CHECK(desk.asked->limit == 3);
  CHECK(desk.asked->cursor == "c");
  desk.count = fail(Errc::exhausted, "not all");
  CHECK(desk.call("POST", "/deliveries/replay", R"({"from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z"})")
            .status == 503);
}

TEST_CASE("deliveries by HTTP: a range that cannot be is refused, and says why") {
  Desk desk;
  const std::pair<std::string, std::string> cases[] = {
      {R"({"to":"2026-02-04T00:00:00Z"})", "missing_from"},
      {R"({"from":"2026-02-04T00:00:00Z","to":"2026-02-04T00:00:00Z"})", "invalid_to"},
      {R"({"from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z","status":"pending"})", "invalid_status"},
      {R"({"from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z","limit":1001})", "invalid_limit"},
      {R"({"from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z","account":"A B"})", "invalid_account"},
      {R"({"from":"2026-02-03T00:00:00Z","to":"2026-02-04T00:00:00Z","x":1})", "unknown_field"},
  };
  for (const auto& [body, code] : cases) {
    CAPTURE(body);
    CHECK(code_of(desk.call("POST", "/deliveries/replay", body)) == code);
  }
  CHECK(!desk.asked);
}

}  // namespace operator_deliveries_test

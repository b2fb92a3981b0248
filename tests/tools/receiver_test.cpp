#include "tools/tally/receiver.h"

#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"
#include "tools/tally/json.h"
#include "webhook/signature.h"

namespace receiver_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

struct Listening {
  Bench bench{in_turn({answer(500, "")})};
  std::string secret = webhook::make_secret(bench.random);
  int done = 0;

  http::Request signed_delivery(const std::string& id, const std::string& body) {
    const auto signature = webhook::sign({secret, {}, {}}, DeliveryId(id), body, bench.clock.now());
    http::Request request;
    request.method = "POST";
    request.target = "/hook";
    request.headers = {{"webhook-id", signature->id},
                       {"webhook-timestamp", signature->timestamp},
                       {"webhook-signature", signature->signature}};
    request.body = body;
    return request;
  }

  int deliver(Receiver& receiver, const http::Request& request) {
    int status = 0;
    receiver.handle(request, http::Reply([&status](http::Response&& response) { status = response.status; }));
    return status;
  }

  Receiver receiver(std::string with_secret, std::uint64_t count = 0, std::uint64_t fail = 0) {
    return Receiver(bench.session, {"127.0.0.1", 0, std::move(with_secret), count, fail}, [this] { ++done; });
  }
};

}  // namespace

TEST_CASE("listen: a right signature is answered 204 and printed with the body laid out") {
  Listening test;
  auto receiver = test.receiver(test.secret);
  CHECK(test.deliver(receiver, test.signed_delivery("msg_1", R"({"status":"completed","n":1})")) == 204);
  CHECK(test.bench.out.str() == test.bench.clock.now().to_string() +
                                    "  msg_1  report completed  verified  answered 204\n"
                                    "  {\n    \"status\": \"completed\",\n    \"n\": 1\n  }\n\n");
  CHECK_FALSE(receiver.refused_any());
}

TEST_CASE("listen: a wrong, stale or missing signature is answered 401 with the reason") {
  Listening test;
  auto receiver = test.receiver(test.secret);
  auto changed = test.signed_delivery("msg_1", "{}");
  changed.body = "{ }";
  CHECK(test.deliver(receiver, changed) == 401);
  const auto stale = test.signed_delivery("msg_2", "{}");
  test.bench.clock.advance_ms((webhook::signature_tolerance_seconds + 1) * second_ms);
  CHECK(test.deliver(receiver, stale) == 401);
  http::Request bare;
  bare.method = "POST";
  CHECK(test.deliver(receiver, bare) == 401);
  CHECK(test.bench.out.str().find("REFUSED: webhook-id, webhook-timestamp or webhook-signature is missing") !=
        std::string::npos);
  CHECK(receiver.refused_any());
}

TEST_CASE("listen: without a secret everything is taken and marked as not verified") {
  Listening test;
  auto receiver = test.receiver("");
  CHECK(test.deliver(receiver, test.signed_delivery("msg_1", "no json \x1b[31m")) == 204);
  CHECK(test.bench.out.str().find("not verified: no --secret to judge the signature by") != std::string::npos);
  CHECK(test.bench.out.str().find('\x1b') == std::string::npos);
  CHECK_FALSE(receiver.refused_any());
}

TEST_CASE("listen: the first deliveries can be failed, and the same id coming again is told") {
  Listening test;
  test.bench.session.settings.json = true;
  auto receiver = test.receiver(test.secret, 0, 1);
  CHECK(test.deliver(receiver, test.signed_delivery("msg_1", R"({"a":1})")) == 500);
  CHECK(test.deliver(receiver, test.signed_delivery("msg_1", R"({"a":1})")) == 204);
  std::istringstream lines(test.bench.out.str());
  std::string line;
  REQUIRE(std::getline(lines, line));
  CHECK((*Json::parse(line))["answered"].integer() == 500);
  CHECK((*Json::parse(line))["seen_before"].text() == "false");
  REQUIRE(std::getline(lines, line));
  const Json second = *Json::parse(line);
  CHECK(second["id"].text() == "msg_1");
  CHECK(second["seen_before"].text() == "true");
  CHECK(second["verified"].text() == "true");
  CHECK(second["body"].dump() == R"({"a":1})");
}

TEST_CASE("listen: the last delivery of the count is answered before the end is told, once") {
  Listening test;
  auto receiver = test.receiver(test.secret, 2);
  CHECK(test.deliver(receiver, test.signed_delivery("msg_1", "{}")) == 204);
  CHECK(test.done == 0);
  CHECK(test.deliver(receiver, test.signed_delivery("msg_2", "{}")) == 204);
  CHECK(test.done == 1);
  CHECK(test.deliver(receiver, test.signed_delivery("msg_3", "{}")) == 503);
  CHECK(test.done == 1);
}

TEST_CASE("listen: other methods are answered 405 and count for nothing") {
  Listening test;
  auto receiver = test.receiver("", 1);
  http::Request request;
  request.method = "GET";
  CHECK(test.deliver(receiver, request) == 405);
  CHECK(test.done == 0);
  CHECK(test.bench.out.str().empty());
}

TEST_CASE("listen: a secret that is none is a mistake, not a reason to refuse every delivery") {
  Listening test;
  CHECK(listen(test.bench.session, {"127.0.0.1", 0, "whsec_short", 1, 0}) == 2);
  CHECK(test.bench.err.str().starts_with("tally: --secret: "));
}

TEST_CASE("listen: an address that cannot be bound is exit code 2") {
  Listening test;
  CHECK(listen(test.bench.session, {"192.0.2.1", 0, "", 1, 0}) == 2);
}

}  // namespace receiver_test

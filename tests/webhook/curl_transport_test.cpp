#include "webhook/curl_transport.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <future>

#include "core/system.h"
#include "tests/webhook/fixture.h"
#include "tests/webhook/receiver.h"
#include "webhook/dispatcher_driver.h"

namespace curl_transport_test {

using namespace tally;
using namespace tally::webhook;
using namespace tally::webhook::test;

namespace {

WebhookSettings local(std::int64_t timeout_seconds = 30) {
  WebhookSettings settings;
  settings.allow_private = true;
  settings.timeout_seconds = timeout_seconds;
  return settings;
}

Attempt attempt_to(const std::string& url, const std::string& body = "{}") {
  return {url, {"msg_1", "1770000000", "v1,AAAA"}, body};
}

std::future<AttemptOutcome> start(Transport& transport, Attempt attempt) {
  auto promise = std::make_shared<std::promise<AttemptOutcome>>();
  auto future = promise->get_future();
  transport.send(std::move(attempt), [promise](AttemptOutcome outcome) { promise->set_value(std::move(outcome)); });
  return future;
}

AttemptOutcome post(Transport& transport, const std::string& url) {
  return start(transport, attempt_to(url)).get();
}

}  // namespace

TEST_CASE("curl transport: a POST carries the body, the type and the three signature headers") {
  Receiver receiver;
  CurlTransport transport(local());
  const auto outcome = start(transport, attempt_to(receiver.url("/status/200/x?y=1"), R"({"a":"b"})")).get();
  CHECK(outcome.status == 200);
  CHECK(outcome.error.empty());
  REQUIRE(receiver.seen().size() == 1);
  const auto seen = receiver.seen().front();
  CHECK(seen.body == R"({"a":"b"})");
  CHECK(seen.head.starts_with("POST /status/200/x?y=1 HTTP/1.1\r\n"));
  for (const char* line :
       {"\r\nContent-Type: application/json\r\n", "\r\nwebhook-id: msg_1\r\n", "\r\nUser-Agent: tally/0.1\r\n",
        "\r\nwebhook-timestamp: 1770000000\r\n", "\r\nwebhook-signature: v1,AAAA\r\n"}) {
    CAPTURE(line);
    CHECK(seen.head.find(line) != std::string::npos);
  }
  CHECK(seen.head.find("Expect") == std::string::npos);
}

TEST_CASE("curl transport: the status is reported, and only a 2xx has no error") {
  Receiver receiver;
  CurlTransport transport(local());
  for (const int status : {200, 201, 204, 299}) {
    CAPTURE(status);
    const auto outcome = post(transport, receiver.url("/status/" + std::to_string(status)));
    CHECK(outcome.status == status);
    CHECK(outcome.error.empty());
  }
  for (const int status : {300, 304, 400, 410, 500, 503}) {
    CAPTURE(status);
    const auto outcome = post(transport, receiver.url("/status/" + std::to_string(status)));
    CHECK(outcome.status == status);
    CHECK(!outcome.error.empty());
    CHECK(!outcome.permanent);
  }
}

TEST_CASE("curl transport: a redirect is not followed") {
  Receiver receiver;
  CurlTransport transport(local());
  CHECK(post(transport, receiver.url("/redirect")).status == 302);
  CHECK(receiver.seen().size() == 1);
}

TEST_CASE("curl transport: a connection is kept for the next attempt") {
  Receiver receiver;
  CurlTransport transport(local());
  for (int n = 0; n < 20; ++n) CHECK(post(transport, receiver.url("/status/200")).status == 200);
  CHECK(receiver.connections() == 1);
  CHECK(receiver.seen().size() == 20);
}

TEST_CASE("curl transport: many attempts at once each get their own answer") {
  Receiver receiver;
  CurlTransport transport(local());
  std::vector<std::future<AttemptOutcome>> futures;
  for (int n = 0; n < 300; ++n) {
    futures.push_back(start(transport, attempt_to(receiver.url("/status/" + std::to_string(200 + n % 50)))));
  }
  for (int n = 0; n < 300; ++n) CHECK(futures[static_cast<std::size_t>(n)].get().status == 200 + n % 50);
}

TEST_CASE("curl transport: Retry-After is read as seconds and as a date") {
  Receiver receiver;
  CurlTransport transport(local());
  CHECK(post(transport, receiver.url("/retry/120")).retry_after_seconds == 120);
  const std::string date = (SystemClock().now() + 600 * second_ms).to_http_date();
  std::string path = "/retry/" + date;
  for (char& c : path) {
    if (c == ' ') c = '_';
  }
  const auto seconds = post(transport, receiver.url(path)).retry_after_seconds;
  CHECK(seconds > 590);
  CHECK(seconds <= 600);
  for (const char* nonsense : {"-5", "soon", "Fri,_01_Jan_1999_00:00:00_GMT"}) {
    CAPTURE(nonsense);
    CHECK(post(transport, receiver.url("/retry/" + std::string(nonsense))).retry_after_seconds == 0);
  }
}

TEST_CASE("curl transport: an over-long response is cut off, and its status decides") {
  Receiver receiver;
  CurlTransport transport(local());
  const auto good = post(transport, receiver.url("/long"));
  CHECK(good.status == 200);
  CHECK(good.error.empty());
  const auto bad = post(transport, receiver.url("/long500"));
  CHECK(bad.status == 500);
  CHECK(!bad.error.empty());
  CHECK(post(transport, receiver.url("/status/200")).status == 200);
  CHECK(receiver.connections() == 3);
}

TEST_CASE("curl transport: a receiver that never answers ends at the timeout, without a status") {
  Receiver receiver;
  CurlTransport transport(local(1));
  auto hang = start(transport, attempt_to(receiver.url("/hang")));
  auto interim = start(transport, attempt_to(receiver.url("/continue")));
  auto stall = start(transport, attempt_to(receiver.url("/stall")));
  CHECK(post(transport, receiver.url("/status/200")).status == 200);
  for (auto* future : {&hang, &interim}) {
    const auto outcome = future->get();
    CHECK(outcome.status == 0);
    CHECK(!outcome.error.empty());
    CHECK(!outcome.permanent);
  }
  // Half a body after a 200: it has the delivery.
  CHECK(stall.get().status == 200);
}

TEST_CASE("curl transport: a receiver that breaks off, is no HTTP or is not there fails without a status") {
  Receiver receiver;
  std::string closed;
  {
    Receiver gone;
    closed = gone.url("/");
  }
  CurlTransport transport(local());
  for (const std::string& url : {receiver.url("/reset"), receiver.url("/garbage"), closed}) {
    CAPTURE(url);
    const auto outcome = post(transport, url);
    CHECK(outcome.status == 0);
    CHECK(!outcome.error.empty());
    CHECK(!outcome.permanent);
  }
}

TEST_CASE("curl transport: a forbidden address is refused at the socket, however it is named, and for good") {
  Receiver receiver;
  WebhookSettings strict;
  strict.allow_http = true;
  CurlTransport transport(strict);
  for (const char* host : {"localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::ffff:7f00:1]", "[::1]"}) {
    CAPTURE(host);
    const auto outcome = post(transport, receiver.url("/status/200", host));
    CHECK(outcome.status == 0);
    CHECK(outcome.permanent);
    CHECK(outcome.error == "the receiver's address is not allowed");
  }
  CHECK(receiver.connections() == 0);
}

TEST_CASE("curl transport: other schemes, userinfo and proxy variables lead nowhere") {
  Receiver receiver;
  Receiver proxy;
  REQUIRE(setenv("http_proxy", proxy.url("").c_str(), 1) == 0);
  REQUIRE(setenv("all_proxy", proxy.url("").c_str(), 1) == 0);
  CurlTransport transport(local());
  CHECK(post(transport, receiver.url("/status/200")).status == 200);
  CHECK(post(transport, "file:///etc/hostname").status == 0);
  CHECK(post(transport, "gopher://127.0.0.1:" + std::to_string(receiver.port()) + "/x").status == 0);
  CHECK(post(transport, receiver.url("/status/200", "user:secret@127.0.0.1")).status == 0);
  CHECK(receiver.seen().size() == 1);
  CHECK(proxy.connections() == 0);
  unsetenv("http_proxy");
  unsetenv("all_proxy");
}

TEST_CASE("curl transport: destroying it abandons what is under way, uncalled") {
  Receiver receiver;
  bool called = false;
  {
    CurlTransport transport(local());
    transport.send(attempt_to(receiver.url("/hang")), [&](const AttemptOutcome&) { called = true; });
    CHECK(post(transport, receiver.url("/status/200")).status == 200);
  }
  CHECK(!called);
}

TEST_CASE("driver: stored deliveries reach a real receiver, and a hanging one delays nobody") {
  Receiver receiver;
  Receiver hanging;
  SwitchedStore store;
  SystemClock clock;
  SystemRandom random;
  for (int n = 0; n < 50; ++n) {
    put_delivery(store, make_delivery("acme", "msg_slow" + std::to_string(n), hanging.url("/hang"), clock.now()));
  }
  storage::AccountWriter writer(store, {.shards = 2}, [](const Error&) { std::abort(); });
  CurlTransport transport(local());
  WebhookSettings settings = local();
  settings.concurrent_total = 16;
  Dispatcher dispatcher(settings, {store, writer, transport, random, [](const AccountId&) -> Result<WebhookSecrets> {
                                     return WebhookSecrets{secret, "", {}};
                                   }});
  {
    const DispatcherDriver driver(dispatcher, clock);
    for (int n = 0; n < 200; ++n) {
      const std::string account = "a" + std::to_string(n % 10);
      const std::string id = "msg_" + std::to_string(n);
      writer.post(
          AccountId(account),
          [&, account, id](storage::AccountTx& tx) -> Result<void> {
            const Delivery delivery = make_delivery(account, id, receiver.url("/status/200"), clock.now());
            tx.put(storage::Table::delivery, id, encode(delivery));
            tx.put(storage::Table::delivery_body, id, "{}");
            tx.put(storage::Table::open_delivery, id, "");
            tx.on_commit([&, account, id](storage::Position) { dispatcher.offer(AccountId(account), DeliveryId(id)); });
            return {};
          },
          storage::Durability::synced, [](const Result<void>&) {});
    }
    while (dispatcher.counters().delivered < 200) std::this_thread::yield();
  }
  writer.stop();
  CHECK(receiver.seen().size() == 200);
  CHECK(hanging.connections() <= settings.concurrent_per_host);
  CHECK(stored(store, "a1", "msg_1").status == DeliveryStatus::delivered);
  CHECK(stored(store, "acme", "msg_slow1").status == DeliveryStatus::pending);
}

}  // namespace curl_transport_test

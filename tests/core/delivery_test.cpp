#include "core/delivery.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace delivery_test {

using namespace tally;

namespace {

const UtcTime t0 = UtcTime::parse("2026-02-03T12:00:00Z").value();

Delivery pending_delivery() {
  Delivery delivery;
  delivery.id = DeliveryId("msg_0123");
  delivery.account = AccountId("acme");
  delivery.url = "https://example.com/hook";
  delivery.event = "report.completed";
  delivery.request = RequestId("r");
  delivery.created_at = t0;
  delivery.next_attempt_at = t0;
  return delivery;
}

AttemptOutcome answered(int status) {
  AttemptOutcome outcome;
  outcome.status = status;
  if (status < 200 || status > 299) outcome.error = "status " + std::to_string(status);
  return outcome;
}

Delivery dead_delivery() {
  SeededRandom random(1);
  Delivery delivery = pending_delivery();
  AttemptOutcome outcome;
  outcome.permanent = true;
  outcome.error = "the address is forbidden";
  record_attempt(delivery, outcome, {}, t0, random);
  return delivery;
}

}  // namespace

TEST_CASE("delivery: every 2xx delivers, nothing else does") {
  SeededRandom random(1);
  for (const int status : {200, 201, 202, 204, 299}) {
    Delivery delivery = pending_delivery();
    record_attempt(delivery, answered(status), {}, t0 + 5, random);
    CHECK(delivery.status == DeliveryStatus::delivered);
    CHECK(delivery.finished_at == t0 + 5);
    CHECK(delivery.attempts == 1);
    CHECK(delivery.last_status == status);
    CHECK(delivery.last_error.empty());
  }
  for (const int status : {0, 100, 199, 300, 301, 302, 307, 400, 404, 410, 429, 500, 503}) {
    Delivery delivery = pending_delivery();
    record_attempt(delivery, answered(status), {}, t0, random);
    CHECK(delivery.status == DeliveryStatus::pending);
    CHECK(delivery.attempts == 1);
    CHECK(delivery.last_status == status);
    CHECK(delivery.last_error == "status " + std::to_string(status));
    CHECK(delivery.next_attempt_at >= t0 + 5 * second_ms);
  }
}

TEST_CASE("delivery: failures follow the schedule and end as a dead letter") {
  SeededRandom random(2);
  const RetrySchedule schedule;
  Delivery delivery = pending_delivery();
  UtcTime now = t0;
  for (std::size_t i = 0; i < schedule.waits_seconds.size(); ++i) {
    record_attempt(delivery, answered(500), schedule, now, random);
    REQUIRE(delivery.status == DeliveryStatus::pending);
    CHECK(delivery.next_attempt_at >= now + schedule.waits_seconds[i] * 1000);
    CHECK(delivery.next_attempt_at <= now + schedule.waits_seconds[i] * 1100);
    now = delivery.next_attempt_at;
  }
  record_attempt(delivery, answered(500), schedule, now, random);
  CHECK(delivery.status == DeliveryStatus::dead);
  CHECK(delivery.finished_at == now);
  CHECK(delivery.attempts == 8);
}

TEST_CASE("delivery: Retry-After postpones the next attempt") {
  SeededRandom random(1);
  Delivery delivery = pending_delivery();
  AttemptOutcome outcome = answered(503);
  outcome.retry_after_seconds = 120;
  record_attempt(delivery, outcome, {}, t0, random);
  CHECK(delivery.next_attempt_at == t0 + 2 * minute_ms);
}

TEST_CASE("delivery: a permanent failure is a dead letter at once") {
  const Delivery delivery = dead_delivery();
  CHECK(delivery.status == DeliveryStatus::dead);
  CHECK(delivery.attempts == 1);
  CHECK(delivery.last_error == "the address is forbidden");
}

TEST_CASE("delivery: a late outcome changes nothing that is finished") {
  SeededRandom random(1);
  Delivery delivery = pending_delivery();
  record_attempt(delivery, answered(200), {}, t0, random);
  const std::string before = encode(delivery);
  record_attempt(delivery, answered(500), {}, t0 + 1, random);
  CHECK(encode(delivery) == before);
}

TEST_CASE("delivery: a replay starts the schedule again with the same id") {
  SeededRandom random(1);
  Delivery delivery = dead_delivery();
  REQUIRE(replay(delivery, t0 + hour_ms));
  CHECK(delivery.id == DeliveryId("msg_0123"));
  CHECK(delivery.status == DeliveryStatus::pending);
  CHECK(delivery.attempts == 0);
  CHECK(delivery.next_attempt_at == t0 + hour_ms);
  CHECK(delivery.finished_at == UtcTime());
  record_attempt(delivery, answered(500), {}, t0 + hour_ms, random);
  CHECK(delivery.next_attempt_at <= t0 + hour_ms + 5500);

  record_attempt(delivery, answered(200), {}, t0 + 2 * hour_ms, random);
  CHECK(replay(delivery, t0 + 3 * hour_ms));
}

TEST_CASE("delivery: a request for a payment is never replayed") {
  for (const DeliveryStatus status : {DeliveryStatus::pending, DeliveryStatus::delivered, DeliveryStatus::dead}) {
    Delivery delivery;
    delivery.webhook_id = payments_webhook_id;
    delivery.status = status;
    CHECK(replay(delivery, UtcTime::from_ms(1)).error().code == Errc::conflict);
    CHECK(delivery.status == status);
  }
}

TEST_CASE("delivery: a pending one cannot be replayed") {
  Delivery delivery = pending_delivery();
  CHECK(replay(delivery, t0).error().code == Errc::conflict);
}

TEST_CASE("delivery: a test of a webhook is tried once") {
  SeededRandom random(1);
  Delivery delivery = pending_delivery();
  CHECK(delivery.untried());
  delivery.event = webhook_test_event;
  record_attempt(delivery, answered(500), {}, t0 + 5, random);
  CHECK(delivery.status == DeliveryStatus::dead);
  CHECK(delivery.last_status == 500);
  CHECK(replay(delivery, t0 + 6).has_value());
  CHECK(!delivery.untried());
}

TEST_CASE("delivery: a stored delivery is read back whole") {
  Delivery delivery = dead_delivery();
  delivery.webhook_id = "wh_1";
  delivery.last_status = 418;
  delivery.http_request_id = "call-1";
  delivery.latest_attempt = std::string("a\0b", 3);
  const auto decoded = decode_delivery(encode(delivery));
  REQUIRE(decoded);
  CHECK(decoded->id == delivery.id);
  CHECK(decoded->account == delivery.account);
  CHECK(decoded->webhook_id == "wh_1");
  CHECK(decoded->url == delivery.url);
  CHECK(decoded->event == delivery.event);
  CHECK(decoded->request == delivery.request);
  CHECK(decoded->status == DeliveryStatus::dead);
  CHECK(decoded->attempts == 1);
  CHECK(decoded->last_status == 418);
  CHECK(decoded->last_error == delivery.last_error);
  CHECK(decoded->next_attempt_at == delivery.next_attempt_at);
  CHECK(decoded->created_at == delivery.created_at);
  CHECK(decoded->finished_at == delivery.finished_at);
  CHECK(decoded->http_request_id == "call-1");
  CHECK(decoded->latest_attempt == delivery.latest_attempt);
}

TEST_CASE("delivery: a row that was stored before rows had the call's id is read") {
  std::string bytes = encode(dead_delivery());
  bytes[0] = 1;
  bytes.pop_back();  // the length of the latest attempt, which is empty
  bytes.pop_back();  // and of the id
  const auto decoded = decode_delivery(bytes);
  REQUIRE(decoded);
  CHECK(decoded->last_error == dead_delivery().last_error);
  CHECK(decoded->http_request_id.empty());
}

TEST_CASE("delivery: a row that was stored before rows had the latest attempt is read") {
  Delivery delivery = dead_delivery();
  delivery.http_request_id = "call-1";
  std::string bytes = encode(delivery);
  bytes[0] = 2;
  bytes.pop_back();  // the length of the attempt, which is empty
  const auto decoded = decode_delivery(bytes);
  REQUIRE(decoded);
  CHECK(decoded->http_request_id == "call-1");
  CHECK(decoded->latest_attempt.empty());
}

TEST_CASE("delivery: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(8);
  CHECK(refuses_prefixes_and_survives_noise(encode(dead_delivery()), random, [](const std::string& bytes) {
    const auto delivery = decode_delivery(bytes);
    if (!delivery) CHECK(delivery.error().code == Errc::corrupt);
    return delivery.has_value();
  }));
}

TEST_CASE("delivery: states have words") {
  CHECK(to_string(DeliveryStatus::pending) == "pending");
  CHECK(to_string(DeliveryStatus::delivered) == "delivered");
  CHECK(to_string(DeliveryStatus::dead) == "dead");
}

}  // namespace delivery_test

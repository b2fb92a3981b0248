#include "webhook/dispatcher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "core/attempt_log.h"
#include "tests/webhook/fixture.h"

namespace dispatcher_test {

using namespace tally;
using namespace tally::webhook;
using namespace tally::webhook::test;

namespace {

const UtcTime t0 = ManualClock().now();
const std::string url = "https://example.com/hook";

}  // namespace

TEST_CASE("dispatcher: an offered delivery is sent signed, and a 2xx delivers it") {
  SwitchedStore store;
  Process process(store);
  process.settle();
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  process.dispatcher.offer(AccountId("acme"), DeliveryId("msg_1"));
  CHECK(process.woken);
  process.settle();
  REQUIRE(process.transport.sent.size() == 1);
  const Attempt attempt = process.transport.answer(204);
  CHECK(attempt.url == url);
  CHECK(attempt.body == R"({"of":"msg_1"})");
  CHECK(attempt.headers.id == "msg_1");
  CHECK(verify(secret, attempt.headers, attempt.body, t0));
  CHECK(!process.settle());
  const Delivery delivery = stored(store, "acme", "msg_1");
  CHECK(delivery.status == DeliveryStatus::delivered);
  CHECK(delivery.attempts == 1);
  CHECK(delivery.last_status == 204);
  CHECK(delivery.finished_at == t0);
  CHECK(!is_open(store, "acme", "msg_1"));
  const auto counters = process.dispatcher.counters();
  CHECK(counters.sent == 1);
  CHECK(counters.delivered == 1);
  CHECK(counters.failed == 0);
  CHECK(counters.pending == 0);
}

TEST_CASE("dispatcher: what an earlier process left pending is found at the start, and the rest is left alone") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  put_delivery(store, make_delivery("beta", "msg_2", url, t0));
  Delivery done = make_delivery("beta", "msg_3", url, t0);
  done.status = DeliveryStatus::delivered;
  put_delivery(store, done);
  put_delivery(store, make_delivery("beta", "msg_4", url, t0 + 60 * second_ms));
  Process process(store);
  CHECK(process.settle() == t0 + 60 * second_ms);
  CHECK(process.transport.sent.size() == 2);
  CHECK(process.dispatcher.counters().pending == 3);
}

TEST_CASE(
    "dispatcher: a failure waits as the schedule says, with the same webhook-id, and the last one is a dead letter") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  CHECK(process.transport.answer(500).headers.id == "msg_1");
  auto next = process.settle();
  REQUIRE(next);
  CHECK(*next >= t0 + 5000);
  CHECK(*next <= t0 + 5500);
  CHECK(stored(store, "acme", "msg_1").next_attempt_at == *next);
  CHECK(is_open(store, "acme", "msg_1"));

  process.clock.set(*next - 1);
  process.settle();
  CHECK(process.transport.sent.empty());
  process.clock.set(*next);
  process.settle();
  REQUIRE(process.transport.sent.size() == 1);
  const Attempt second = process.transport.answer(302);
  CHECK(second.headers.id == "msg_1");
  CHECK(second.headers.timestamp == std::to_string(process.clock.now().seconds()));
  next = process.settle();
  REQUIRE(next);
  process.clock.set(*next);
  process.settle();
  process.transport.answer(503);
  CHECK(!process.settle());
  const Delivery delivery = stored(store, "acme", "msg_1");
  CHECK(delivery.status == DeliveryStatus::dead);
  CHECK(delivery.attempts == 3);
  CHECK(delivery.last_error == "the receiver answered 503");
  CHECK(!is_open(store, "acme", "msg_1"));
  CHECK(process.dispatcher.counters().failed == 3);
  CHECK(process.dispatcher.counters().dead == 1);
}

TEST_CASE("dispatcher: Retry-After postpones the next attempt") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  AttemptOutcome outcome;
  outcome.status = 429;
  outcome.retry_after_seconds = 1000;
  process.transport.answer(outcome);
  const auto next = process.settle();
  REQUIRE(next);
  CHECK(*next >= t0 + 1000 * second_ms);
}

TEST_CASE("dispatcher: a permanent failure is dead at once") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  AttemptOutcome outcome;
  outcome.permanent = true;
  outcome.error = "the receiver's address is not allowed";
  process.transport.answer(outcome);
  process.settle();
  CHECK(stored(store, "acme", "msg_1").status == DeliveryStatus::dead);
}

TEST_CASE("dispatcher: a URL that the policy refuses by now is dead without being sent") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", "http://127.0.0.1/", t0));
  Process process(store);
  process.settle();
  CHECK(process.transport.sent.empty());
  const Delivery delivery = stored(store, "acme", "msg_1");
  CHECK(delivery.status == DeliveryStatus::dead);
  CHECK(delivery.last_error == "the scheme must be https");
  CHECK(process.dispatcher.counters().sent == 0);
}

TEST_CASE("dispatcher: a hanging receiver holds its share of attempts and delays nobody") {
  SwitchedStore store;
  for (int n = 0; n < 100; ++n) {
    put_delivery(store, make_delivery("acme", "msg_slow" + std::to_string(n), "https://slow.example/", t0));
  }
  for (int n = 0; n < 100; ++n) {
    put_delivery(store, make_delivery("beta", "msg_fast" + std::to_string(n), "https://fast.example/", t0));
  }
  Process process(store);
  process.settle();
  std::deque<FakeTransport::Sent> hanging;
  int fast = 0;
  for (int round = 0; round < 400 && fast < 100; ++round) {
    REQUIRE(!process.transport.sent.empty());
    if (process.transport.sent.front().attempt.url == "https://slow.example/") {
      hanging.push_back(std::move(process.transport.sent.front()));
      process.transport.sent.pop_front();
    } else {
      process.transport.answer(200);
      ++fast;
    }
    process.settle();
  }
  CHECK(fast == 100);
  CHECK(hanging.size() == 4);
}

TEST_CASE("dispatcher: more hanging receivers than places delay the others by one second at most") {
  SwitchedStore store;
  for (int n = 0; n < 24; ++n) {
    const std::string number = std::to_string(n);
    for (const char* part : {"a", "b", "c"}) {
      put_delivery(store, make_delivery("acme", "msg_" + number + part, "https://hanging" + number + ".example/", t0));
    }
  }
  put_delivery(store, make_delivery("beta", "msg_1", "https://fast.example/", t0));
  Process process(store);
  const auto fast_is_sent = [&] {
    return std::ranges::any_of(process.transport.sent,
                               [](const auto& sent) { return sent.attempt.headers.id == "msg_1"; });
  };
  for (auto next = process.settle(); !fast_is_sent(); next = process.settle()) {
    REQUIRE(next);
    process.clock.set(*next);
  }
  CHECK(process.clock.now() == t0 + second_ms);
  CHECK(process.transport.sent.size() <= 2 * settings().concurrent_total);
}

TEST_CASE("dispatcher: a delivery that is due is read once, its record included; a retry reads it again") {
  SwitchedStore store;
  for (int n = 0; n < 3; ++n) put_delivery(store, make_delivery("acme", "msg_" + std::to_string(n), url, t0));
  Process process(store);
  process.settle();
  for (const int status : {200, 200, 500}) process.transport.answer(status);
  const auto next = process.settle();
  CHECK(store.deliveries_read == 3);
  REQUIRE(next);
  process.clock.set(*next);
  process.settle();
  process.transport.answer(200);
  process.settle();
  CHECK(store.deliveries_read == 4);
  CHECK(process.dispatcher.counters().delivered == 3);
}

TEST_CASE("dispatcher: rows that cannot be read together are read one by one") {
  SwitchedStore store;
  store.damaged = true;
  for (int n = 0; n < 3; ++n) put_delivery(store, make_delivery("acme", "msg_" + std::to_string(n), url, t0));
  Process process(store);
  process.settle();
  CHECK(process.transport.sent.size() == 3);
}

TEST_CASE("dispatcher: the latest attempt is in the delivery's row, those before it beside") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  const auto earlier = [&] {
    return store.get(storage::Table::delivery_attempts, AccountId("acme"), "msg_1").value().value_or("");
  };
  for (const int status : {500, 503, 200}) {
    if (const auto next = process.settle()) process.clock.set(*next);
    process.settle();
    process.transport.answer(status);
    process.settle();
    const auto latest = decode_attempts(stored(store, "acme", "msg_1").latest_attempt);
    REQUIRE(latest->size() == 1);
    CHECK(latest->front().status == status);
    CHECK(latest->front().url == url);
    CHECK(earlier().empty() == (status == 500));
  }
  const auto attempts = attempts_of(stored(store, "acme", "msg_1"), earlier());
  REQUIRE(attempts->size() == 3);
  CHECK(attempts->front().status == 500);
  CHECK(attempts->back().status == 200);
}

TEST_CASE("dispatcher: attempts that an earlier program recorded stay before the new one") {
  SwitchedStore store;
  Delivery delivery = make_delivery("acme", "msg_1", url, t0);
  delivery.attempts = 1;
  delivery.last_status = 500;
  put_delivery(store, delivery);
  AttemptOutcome before;
  before.status = 500;
  before.url = url;
  storage::Batch batch(delivery.account);
  batch.put(storage::Table::delivery_attempts, "msg_1", append_attempt("", before));
  REQUIRE(store.commit({&batch, 1}, storage::Durability::relaxed));
  Process process(store);
  process.settle();
  process.transport.answer(200);
  process.settle();
  const auto earlier = store.get(storage::Table::delivery_attempts, AccountId("acme"), "msg_1").value();
  const auto attempts = attempts_of(stored(store, "acme", "msg_1"), earlier.value());
  REQUIRE(attempts->size() == 2);
  CHECK(attempts->front().status == 500);
  CHECK(attempts->back().status == 200);
}

TEST_CASE("dispatcher: it is woken by the first answer, and once more when half of the attempts are answered") {
  SwitchedStore store;
  for (int n = 0; n < 4; ++n) put_delivery(store, make_delivery("acme", "msg_" + std::to_string(n), url, t0));
  Process process(store);
  process.settle();
  REQUIRE(process.transport.sent.size() == 4);
  int wakes = 0;
  process.dispatcher.on_wake([&] { ++wakes; });
  for (const int expected : {1, 2, 2, 2}) {
    process.transport.answer(200);
    CHECK(wakes == expected);
  }
  process.dispatcher.on_wake(nullptr);
}

TEST_CASE("dispatcher: an attempt whose record was lost is made again with the same webhook-id") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  {
    Process process(store);
    process.settle();
    process.transport.answer(200);  // and nobody ticks any more
  }
  Process process(store);
  process.settle();
  REQUIRE(process.transport.sent.size() == 1);
  CHECK(process.transport.answer(200).headers.id == "msg_1");
  process.settle();
  CHECK(stored(store, "acme", "msg_1").attempts == 1);
}

TEST_CASE("dispatcher: a callback after the dispatcher is gone does no harm") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  FakeTransport::Sent left;
  {
    Process process(store);
    process.settle();
    left = std::move(process.transport.sent.front());
    process.transport.sent.clear();
    process.dispatcher.on_wake(nullptr);
  }
  left.done({});
  CHECK(is_open(store, "acme", "msg_1"));
}

TEST_CASE("dispatcher: nothing is sent while the store takes no writes") {
  SwitchedStore store;
  store.has_room = false;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  CHECK(process.settle() == t0 + 1000);
  CHECK(process.transport.sent.empty());
  store.has_room = true;
  process.clock.advance_ms(1000);
  process.settle();
  CHECK(process.transport.sent.size() == 1);
}

TEST_CASE("dispatcher: a record that found no room is written later, and the receiver is not asked again") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  store.has_room = false;
  process.transport.answer(200);
  CHECK(process.settle() == t0 + 1000);
  CHECK(is_open(store, "acme", "msg_1"));
  process.clock.advance_ms(1000);
  CHECK(process.settle() == t0 + 2000);
  store.has_room = true;
  process.clock.advance_ms(1000);
  CHECK(!process.settle());
  CHECK(process.transport.sent.empty());
  CHECK(stored(store, "acme", "msg_1").status == DeliveryStatus::delivered);
}

TEST_CASE("dispatcher: without secrets for now an attempt waits; without an account it is dead") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.secrets_error = fail(Errc::unavailable, "later");
  CHECK(process.settle() == t0 + 1000);
  CHECK(stored(store, "acme", "msg_1").attempts == 0);
  process.secrets_error = fail(Errc::not_found, "there is no such account");
  process.clock.advance_ms(1000);
  process.settle();
  CHECK(process.transport.sent.empty());
  CHECK(stored(store, "acme", "msg_1").last_error == "there is no such account");
  CHECK(stored(store, "acme", "msg_1").status == DeliveryStatus::dead);
}

TEST_CASE("dispatcher: a delivery whose bytes cannot be read is left alone and counted") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  storage::Batch batch(AccountId("acme"));
  batch.put(storage::Table::delivery, "msg_1", "garbage");
  REQUIRE(store.commit({&batch, 1}, storage::Durability::relaxed));
  put_delivery(store, make_delivery("acme", "msg_2", url, t0));
  Process process(store);
  CHECK(!process.settle());
  CHECK(process.transport.sent.size() == 1);
  CHECK(process.dispatcher.counters().broken == 1);
}

TEST_CASE("dispatcher: an offer of what is pending already, finished or unknown changes nothing") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  for (const char* id : {"msg_1", "msg_unknown"}) process.dispatcher.offer(AccountId("acme"), DeliveryId(id));
  process.settle();
  CHECK(process.transport.sent.size() == 1);
  process.transport.answer(200);
  process.dispatcher.offer(AccountId("acme"), DeliveryId("msg_1"));
  process.settle();
  process.dispatcher.offer(AccountId("acme"), DeliveryId("msg_1"));
  CHECK(!process.settle());
  CHECK(process.transport.sent.empty());
  CHECK(process.dispatcher.counters().sent == 1);
}

TEST_CASE("dispatcher: a backlog larger than the memory bounds is delivered whole, each once") {
  SwitchedStore store;
  for (int n = 0; n < 700; ++n) {
    const std::string receiver = n % 7 == 0 ? "https://other.example/" : url;
    put_delivery(store, make_delivery("a" + std::to_string(n % 3), "msg_" + std::to_string(n), receiver, t0));
  }
  LaneLimits limits;
  SUBCASE("of one receiver") {
    limits.entries_per_lane_max = 10;
  }
  SUBCASE("of all") {
    limits.entries_max = 20;
  }
  Process process(store, settings(), limits);
  process.settle();
  std::set<std::string> seen;
  std::uint64_t pending_max = 0;
  while (!process.transport.sent.empty()) {
    pending_max = std::max(pending_max, process.dispatcher.counters().pending);
    CHECK(seen.insert(process.transport.answer(200).headers.id).second);
    process.settle();
  }
  CHECK(seen.size() == 700);
  CHECK(pending_max <= 20);
  CHECK(process.dispatcher.counters().delivered == 700);
}

TEST_CASE("dispatcher: a dead or delivered one can be replayed from the start of the schedule, a pending one not") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  std::optional<Result<void>> answer;
  const auto replay = [&](const char* id) {
    answer.reset();
    process.dispatcher.replay(AccountId("acme"), DeliveryId(id), process.clock.now(),
                              [&](Result<void> r) { answer = r; });
    process.settle();
    REQUIRE(answer);
    return *answer ? std::string() : std::string(to_string(answer->error().code));
  };
  CHECK(replay("msg_1") == "conflict");
  CHECK(replay("msg_2") == "not_found");
  AttemptOutcome outcome;
  outcome.permanent = true;
  process.transport.answer(outcome);
  process.settle();
  CHECK(stored(store, "acme", "msg_1").status == DeliveryStatus::dead);
  CHECK(replay("msg_1") == "");
  REQUIRE(process.transport.sent.size() == 1);
  CHECK(process.transport.answer(200).headers.id == "msg_1");
  process.settle();
  CHECK(stored(store, "acme", "msg_1").status == DeliveryStatus::delivered);
  CHECK(stored(store, "acme", "msg_1").attempts == 1);
  CHECK(replay("msg_1") == "");
  CHECK(process.transport.sent.size() == 1);
}

TEST_CASE("dispatcher: a replay that is committed together with the last attempt's record is sent") {
  SwitchedStore store;
  put_delivery(store, make_delivery("acme", "msg_1", url, t0));
  Process process(store);
  process.settle();
  process.transport.answer(200);
  (void)process.dispatcher.tick(process.clock.now());  // posts the record
  process.dispatcher.replay(AccountId("acme"), DeliveryId("msg_1"), process.clock.now(),
                            [](const Result<void>& r) { CHECK(r.has_value()); });
  process.settle();
  CHECK(process.transport.sent.size() == 1);
}

}  // namespace dispatcher_test

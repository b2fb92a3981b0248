#include "webhook/reloads.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/webhook/alert_house.h"

namespace reloads_test {

using namespace tally;
using namespace tally::webhook;
using namespace tally::webhook::test;

namespace {

const std::string pay_url = "https://pay.example/charge";

AttemptOutcome paid(std::string reference = "pay_1") {
  AttemptOutcome outcome;
  outcome.status = 200;
  outcome.body = std::move(reference);
  return outcome;
}

AttemptOutcome silence() {
  AttemptOutcome outcome;
  outcome.error = "timeout";
  return outcome;
}

// Below the threshold, with a request on its way.
struct Asking : AlertHouse {
  explicit Asking(const std::string& url = pay_url) : AlertHouse(url) {
    account->reload.enabled = true;
    account->reload.threshold = credits(10);
    account->reload.amount = credits(25);
    grant(12);
    spend(5);
  }
  Delivery request(int number = 1) { return stored(store, "acme", "reload_acme." + std::to_string(number)); }
};

}  // namespace

TEST_CASE("reload: below the threshold one request goes out, signed, under a key of its own") {
  Asking house;
  REQUIRE(house.payments->sent.size() == 1);
  CHECK(house.transport->sent.empty());
  const Attempt attempt = house.payments->sent.front().attempt;
  CHECK(attempt.url == pay_url);
  CHECK(attempt.idempotency_key == "reload_acme.1");
  CHECK(attempt.headers.id == "reload_acme.1");
  CHECK(attempt.keep_response);
  CHECK(attempt.body ==
        R"({"type":"payment.reload","account":"acme","amount":"25","idempotency_key":"reload_acme.1"})");
  CHECK(verify(secret, attempt.headers, attempt.body, house.clock.now()));
  house.spend(1);
  house.pass(hour_ms);
  CHECK(house.payments->sent.size() == 1);
  CHECK(house.state().reload.pending);
}

TEST_CASE("reload: a 2xx with a reference grants in the commit that records it") {
  Asking house;
  const Webhook webhook = house.subscribe({WebhookEvent::credits_reloaded});
  house.payments->answer(paid());
  house.settle();
  CHECK(house.state().balance == credits(32));
  CHECK(!house.state().reload.pending);
  CHECK(house.request().status == DeliveryStatus::delivered);
  const auto entry = house.ledgers->entry(acme, house.state().last_entry);
  REQUIRE(entry.has_value());
  CHECK(entry->reference == "pay_1");
  CHECK(entry->description == "auto-reload");
  REQUIRE(house.transport->sent.size() == 1);
  CHECK(house.transport->answer(200).body.ends_with(
      R"("data":{"account":"acme","available":"32","amount":"25","lot":"lot_2"}})"));
}

TEST_CASE("reload: a decline ends the request; the next one has another key and waits for an hour") {
  Asking house;
  house.payments->answer(402);
  house.settle();
  CHECK(house.request().status == DeliveryStatus::dead);
  CHECK(!house.state().reload.pending);
  house.spend(1);
  house.pass(hour_ms - 1000);
  CHECK(house.payments->sent.empty());
  house.pass(1000);
  REQUIRE(house.payments->sent.size() == 1);
  CHECK(house.payments->answer(paid()).idempotency_key == "reload_acme.2");
  house.settle();
  CHECK(house.state().balance == credits(31));
}

TEST_CASE("reload: whatever else is answered is asked again after an hour under the same key, and nothing else is") {
  Asking house;
  AttemptOutcome forbidden;
  forbidden.permanent = true;
  forbidden.error = "the receiver's address is not allowed";
  std::vector<AttemptOutcome> answers = {silence(), forbidden, paid("")};
  for (const int status : {500, 503, 302, 408, 409, 425, 429}) {
    AttemptOutcome outcome;
    outcome.status = status;
    outcome.body = "pay_0";
    answers.push_back(outcome);
  }
  std::uint32_t attempts = 0;
  for (int round = 0; round < 3; ++round) {
    for (const AttemptOutcome& outcome : answers) {
      REQUIRE(house.payments->sent.size() == 1);
      CHECK(house.payments->answer(outcome).idempotency_key == "reload_acme.1");
      house.settle();
      CHECK(house.request().status == DeliveryStatus::pending);
      CHECK(house.request().attempts == ++attempts);
      CHECK(house.request().next_attempt_at == house.clock.now() + hour_ms);
      house.pass(hour_ms - 1);
      CHECK(house.payments->sent.empty());
      CHECK(house.state().balance == credits(7));
      house.pass(1);
    }
  }
  house.payments->answer(paid());
  house.settle();
  CHECK(house.state().balance == credits(32));
  CHECK(house.state().reload.last == 1);
}

TEST_CASE("reload: silence, a new process, and the payment under the same key") {
  Asking house;
  house.payments->answer(silence());
  house.settle();
  house.start("https://new.example/charge");
  house.settle();
  CHECK(house.payments->sent.empty());
  house.pass(hour_ms);
  REQUIRE(house.payments->sent.size() == 1);
  const Attempt attempt = house.payments->answer(paid());
  CHECK(attempt.url == "https://new.example/charge");
  CHECK(attempt.idempotency_key == "reload_acme.1");
  house.settle();
  CHECK(house.state().balance == credits(32));
}

TEST_CASE("reload: a crash between the payment and its record grants once") {
  Asking house;
  std::string key;
  SUBCASE("before the dispatcher heard of it") {
    key = house.payments->answer(paid()).idempotency_key;
  }
  SUBCASE("before the record was committed") {
    key = house.payments->answer(paid()).idempotency_key;
    house.dispatcher->tick(house.clock.now());
  }
  house.start(pay_url);
  house.settle();
  CHECK(house.state().balance == credits(7));
  REQUIRE(house.payments->sent.size() == 1);
  CHECK(house.payments->answer(paid()).idempotency_key == key);
  house.settle();
  CHECK(house.state().balance == credits(32));
  house.start(pay_url);
  house.pass(day_ms);
  CHECK(house.payments->sent.empty());
  CHECK(house.state().balance == credits(32));
}

TEST_CASE("reload: a full disk delays the grant and does not ask again") {
  Asking house;
  house.store.has_room = false;
  house.payments->answer(paid());
  house.pass(10'000);
  CHECK(house.payments->sent.empty());
  house.store.has_room = true;
  house.pass(10'000);
  CHECK(house.payments->sent.empty());
  CHECK(house.state().balance == credits(32));
  CHECK(house.request().attempts == 1);
}

TEST_CASE("reload: a payment that the ledger cannot take yet is kept until it can") {
  Asking house;
  house.work([](Ledger& ledger) {
    Grant grant;
    grant.amount = Credits::from_micros(std::numeric_limits<std::int64_t>::max() - credits(8).micros());
    CHECK(ledger.grant(grant).has_value());
  });
  house.payments->answer(paid());
  house.settle();
  CHECK(house.request().status == DeliveryStatus::pending);
  CHECK(house.request().last_error.starts_with("paid, but it cannot be granted yet"));
  CHECK(house.state().reload.pending);
  house.work([](Ledger& ledger) { CHECK(ledger.adjust(credits(-100), "room", "").has_value()); });
  house.pass(hour_ms);
  const Credits before = house.state().balance;
  house.payments->answer(paid());
  house.settle();
  CHECK(house.state().balance == add(before, credits(25)).value());
}

TEST_CASE("reload: without a payments.url a request is declined, and one that may have been paid waits for one") {
  SUBCASE("never sent") {
    Asking house("");
    CHECK(house.payments->sent.empty());
    CHECK(house.request().status == DeliveryStatus::dead);
    CHECK(house.request().last_error == "payments.url is not set");
    CHECK(!house.state().reload.pending);
    house.pass(hour_ms - 1);
    CHECK(house.state().reload.last == 1);
  }
  SUBCASE("sent by an earlier process") {
    Asking house;
    house.payments->answer(silence());
    house.settle();
    house.start("");
    house.pass(hour_ms);
    CHECK(house.request().status == DeliveryStatus::pending);
    CHECK(house.state().reload.pending);
    house.start(pay_url);
    house.pass(hour_ms);
    house.payments->answer(paid());
    house.settle();
    CHECK(house.state().balance == credits(32));
  }
}

TEST_CASE("reload: a request that has its outcome is never sent again") {
  Asking house;
  house.payments->answer(402);
  house.settle();
  Result<void> replayed;
  house.dispatcher->replay(acme, reload_id(acme, 1), house.clock.now(), [&](Result<void> done) { replayed = done; });
  house.settle();
  CHECK(replayed.error().code == Errc::conflict);
  CHECK(house.payments->sent.empty());
}

TEST_CASE("reload: a long reference is cut between characters") {
  Asking house;
  house.payments->answer(paid(std::string(254, 'x') + "\xc3\xa9" + "yz"));
  house.settle();
  CHECK(house.ledgers->entry(acme, house.state().last_entry)->reference == std::string(254, 'x'));
}

TEST_CASE("reload: ids name the account and the number, and are read back for that account only") {
  CHECK(reload_id(acme, 12).str() == "reload_acme.12");
  CHECK(reload_number(DeliveryId("reload_acme.12"), acme) == 12);
  for (const char* bad : {"", "msg_1", "reload_acme.", "reload_acme.x", "reload_acme.1x", "reload_acme2.1"}) {
    CAPTURE(bad);
    CHECK(!reload_number(DeliveryId(bad), acme));
  }
}

}  // namespace reloads_test

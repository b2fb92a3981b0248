#include "webhook/outbox.h"

#include <doctest/doctest.h>

#include "tests/webhook/alert_house.h"

namespace outbox_test {

using namespace tally;
using namespace tally::webhook;
using namespace tally::webhook::test;

namespace {

constexpr auto low = WebhookEvent::credits_low;
constexpr auto exhausted = WebhookEvent::credits_exhausted;

std::vector<std::string> events_of(const std::vector<Delivery>& log) {
  std::vector<std::string> events;
  for (const Delivery& delivery : log) events.push_back(delivery.event);
  return events;
}

}  // namespace

TEST_CASE("outbox: a crossing is told once to each webhook that wants it, signed with that webhook's secret") {
  AlertHouse house;
  house.account->low_balance_thresholds = {credits(10)};
  const Webhook first = house.subscribe({low, exhausted});
  const Webhook second = house.subscribe({low});
  house.subscribe({WebhookEvent::report_completed});
  house.grant(20);
  CHECK(house.transport->sent.empty());
  house.spend(15);
  REQUIRE(house.transport->sent.size() == 2);
  const Attempt one = house.transport->answer(200);
  const Attempt other = house.transport->answer(200);
  house.settle();
  const Attempt& to_first = one.url == first.url ? one : other;
  CHECK(verify(first.secrets.current, to_first.headers, to_first.body, house.clock.now()));
  CHECK(!verify(second.secrets.current, to_first.headers, to_first.body, house.clock.now()));
  CHECK(to_first.body == R"({"type":"credits.low","id":")" + to_first.headers.id + R"(","created_at":")" +
                             house.clock.now().to_string() +
                             R"(","data":{"account":"acme","available":"5","threshold":"10"}})");
  CHECK(to_first.idempotency_key.empty());
  CHECK(!to_first.keep_response);

  house.spend(1);
  CHECK(house.transport->sent.empty());
  house.clock.advance_ms(1);
  house.spend(4);
  REQUIRE(house.transport->sent.size() == 1);
  CHECK(house.transport->answer(200).url == first.url);
  house.settle();
  CHECK(events_of(house.log(first.id.str())) == std::vector<std::string>{"credits.exhausted", "credits.low"});
  CHECK(events_of(house.log(second.id.str())) == std::vector<std::string>{"credits.low"});
  CHECK(house.log(second.id.str())[0].status == DeliveryStatus::delivered);
}

TEST_CASE("outbox: a notice is in the commit of its cause, and survives the process") {
  AlertHouse house;
  house.account->low_balance_thresholds = {credits(10)};
  const Webhook webhook = house.subscribe({low});
  house.grant(20);
  house.spend(15);
  REQUIRE(house.transport->sent.size() == 1);
  house.start("");
  house.settle();
  REQUIRE(house.transport->sent.size() == 1);
  CHECK(house.transport->answer(200).url == webhook.url);
  house.settle();
  house.start("");
  house.settle();
  CHECK(house.transport->sent.empty());
}

TEST_CASE("outbox: credits that will expire are told of a week ahead, with what is left and when") {
  AlertHouse house;
  const Webhook webhook = house.subscribe({WebhookEvent::credits_expiring});
  const UtcTime end = house.clock.now() + 8 * day_ms;
  house.work([&](Ledger& ledger) {
    Grant grant;
    grant.amount = credits(7);
    grant.expires_at = end;
    CHECK(ledger.grant(grant).has_value());
  });
  CHECK(house.transport->sent.empty());
  house.pass(day_ms + 1);
  REQUIRE(house.transport->sent.size() == 1);
  const std::string data = R"("data":{"account":"acme","available":"7","amount":"7","lot":"lot_1","expires_at":")" +
                           end.to_string() + R"("}})";
  CHECK(house.transport->answer(200).body.ends_with(data));
  house.pass(day_ms);
  CHECK(house.transport->sent.empty());
}

TEST_CASE("outbox: a disabled webhook is told nothing new, and a deleted one's deliveries end") {
  AlertHouse house;
  house.account->low_balance_thresholds = {credits(10)};
  const Webhook disabled = house.subscribe({low});
  const Webhook deleted = house.subscribe({low});
  house.grant(20);
  CHECK(house.in_command([&](storage::AccountTx& tx) -> Result<void> {
    CHECK(house.webhooks->change(tx, disabled.id, [](Webhook& webhook) -> Result<void> {
      webhook.status = WebhookStatus::disabled;
      return {};
    }));
    return {};
  }));
  house.spend(15);
  REQUIRE(house.transport->sent.size() == 1);
  CHECK(house.transport->answer(500).url == deleted.url);
  house.settle();
  CHECK(house.in_command([&](storage::AccountTx& tx) { return house.webhooks->remove(tx, deleted.id); }));
  house.pass(hour_ms);
  CHECK(house.transport->sent.empty());
  REQUIRE(house.log(deleted.id.str()).size() == 1);
  CHECK(house.log(deleted.id.str())[0].status == DeliveryStatus::dead);
  CHECK(house.log(disabled.id.str()).empty());
}

TEST_CASE("outbox: finished reports are told of, cancelled ones are not") {
  AlertHouse house;
  const Webhook webhook = house.subscribe({WebhookEvent::report_completed, WebhookEvent::report_failed});
  Job job;
  job.id = RequestId("a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4_1717000000_4271");
  job.account = acme;
  for (const JobStatus status : {JobStatus::cancelled, JobStatus::completed, JobStatus::failed}) {
    job.status = status;
    CHECK(house.in_command([&](storage::AccountTx& tx) -> Result<void> {
      house.outbox->report_finished(tx, job);
      return {};
    }));
  }
  REQUIRE(house.transport->sent.size() == 2);
  CHECK(house.transport->answer(200).body.ends_with(
      R"("data":{"account":"acme","request_id":"a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4_1717000000_4271","status":"completed"}})"));
  CHECK(house.transport->answer(200).body.starts_with(R"({"type":"report.failed","id":"msg_)"));
}

TEST_CASE("outbox: a webhook's log is read in pages, the newest first") {
  AlertHouse house;
  house.account->low_balance_thresholds = {credits(10)};
  const Webhook webhook = house.subscribe({low});
  for (int round = 0; round < 5; ++round) {
    house.clock.advance_ms(1000);
    house.grant(10);
    house.spend(10);
  }
  std::vector<UtcTime> times;
  std::string cursor;
  do {
    const auto page = list_webhook_deliveries(house.store, acme, webhook.id.str(), std::nullopt, 2, cursor);
    REQUIRE(page.has_value());
    for (const Delivery& delivery : page->items) times.push_back(delivery.created_at);
    cursor = page->next_cursor;
  } while (!cursor.empty());
  REQUIRE(times.size() == 5);
  CHECK(std::is_sorted(times.rbegin(), times.rend()));
  for (const char* bad : {"x", "/", "12", "-1/msg", "99999999999999999999/m"}) {
    CAPTURE(bad);
    CHECK(list_webhook_deliveries(house.store, acme, webhook.id.str(), std::nullopt, 2, bad).error().rule ==
          "invalid_cursor");
  }
}

TEST_CASE("outbox: what was delivered is dropped from the log after a while, what is pending stays") {
  AlertHouse house;
  house.account->low_balance_thresholds = {credits(10)};
  const Webhook webhook = house.subscribe({low});
  for (int round = 0; round < 3; ++round) {
    house.grant(10);
    house.spend(10);
  }
  REQUIRE(house.transport->sent.size() == 3);
  house.transport->answer(200);
  house.transport->answer(200);
  house.settle();
  REQUIRE(house.outbox->drop_old(house.clock.now(), 100).has_value());
  house.settle();
  CHECK(house.log(webhook.id.str()).size() == 3);
  for (int call = 0; call < 3; ++call) REQUIRE(house.outbox->drop_old(house.clock.now() + 1, 1).has_value());
  house.settle();
  const auto left = house.log(webhook.id.str());
  REQUIRE(left.size() == 1);
  CHECK(left[0].status == DeliveryStatus::pending);
  std::size_t rows = 0;
  CHECK(house.store.scan_all(storage::Table::delivery_body, AccountId(),
                             [&](std::string_view, std::string_view, std::string_view) { return ++rows > 0; }));
  CHECK(rows == 1);
}

TEST_CASE("webhooks: an account has at most twenty, also when they are asked for at once") {
  AlertHouse house;
  std::vector<WebhookId> made;
  for (std::size_t n = 0; n < webhooks_per_account_max; ++n) made.push_back(house.subscribe({low}).id);
  const auto one_more = [&](storage::AccountTx& tx) -> Result<void> {
    Webhook webhook;
    webhook.id = WebhookId(make_id(house.random, "wh"));
    webhook.events = {low};
    auto created = house.webhooks->create(tx, webhook);
    if (!created) return created.error();
    return {};
  };
  CHECK(house.in_command(one_more).error().rule == "too_many_webhooks");
  CHECK(house.in_command([&](storage::AccountTx& tx) { return house.webhooks->remove(tx, made[3]); }));
  int good = 0;
  for (int n = 0; n < 3; ++n) {
    house.writer->post(acme, one_more, storage::Durability::synced, [&](const Result<void>& done) { good += !!done; });
  }
  house.settle();
  CHECK(good == 1);
  house.start("");
  CHECK(house.webhooks->of(acme)->size() == webhooks_per_account_max);
  CHECK(house.webhooks->of(acme)->front().id == house.webhooks->find(acme, house.webhooks->of(acme)->front().id)->id);
  CHECK(!house.webhooks->find(acme, made[3]));
  CHECK(!house.webhooks->find(AccountId("beta"), made[0]));
  CHECK(house.in_command([&](storage::AccountTx& tx) { return house.webhooks->remove(tx, made[3]); }).error().code ==
        Errc::not_found);
}

TEST_CASE("outbox: a test goes to a webhook whatever it wants, signed as everything, and once") {
  AlertHouse house;
  const Webhook webhook = house.subscribe({low});
  Delivery delivery;
  const auto sent = house.in_command([&](storage::AccountTx& tx) -> Result<void> {
    delivery = house.outbox->test(tx, webhook);
    return {};
  });
  REQUIRE(sent.has_value());
  REQUIRE(house.transport->sent.size() == 1);
  const Attempt attempt = house.transport->answer(500);
  CHECK(verify(webhook.secrets.current, attempt.headers, attempt.body, house.clock.now()));
  CHECK(attempt.body == R"({"type":"webhook.test","id":")" + delivery.id.str() + R"(","created_at":")" +
                            house.clock.now().to_string() + R"(","data":{"account":"acme","webhook_id":")" +
                            webhook.id.str() + R"("}})");
  house.settle();
  REQUIRE(house.log(webhook.id.str()).size() == 1);
  CHECK(house.log(webhook.id.str())[0].status == DeliveryStatus::dead);
}

TEST_CASE("outbox: that a webhook was disabled is told to the others that want to know") {
  AlertHouse house;
  Webhook broken = house.subscribe({WebhookEvent::webhook_disabled});
  const Webhook watching = house.subscribe({WebhookEvent::webhook_disabled});
  house.subscribe({low});
  broken.disable(WebhookDisabled::failing, house.clock.now());
  const auto told = house.in_command([&](storage::AccountTx& tx) -> Result<void> {
    house.outbox->webhook_disabled(tx, broken);
    return {};
  });
  REQUIRE(told.has_value());
  REQUIRE(house.transport->sent.size() == 1);
  const Attempt attempt = house.transport->answer(200);
  CHECK(attempt.url == watching.url);
  CHECK(attempt.body.ends_with(R"("data":{"account":"acme","webhook_id":")" + broken.id.str() +
                               R"(","reason":"failing","disabled_at":")" + house.clock.now().to_string() + R"("}})"));
}

}  // namespace outbox_test

#include "tools/tallyd/outgoing.h"

#include <doctest/doctest.h>

#include <thread>

#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"
#include "tests/storage/temporary_directory.h"
#include "tests/webhook/receiver.h"
#include "webhook/signature.h"

namespace outgoing_test {

using namespace tally;
using namespace tally::webhook::test;

namespace {

const AccountId acme("acme");
const std::string secret = "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";

Credits credits(std::int64_t whole) {
  return Credits::from_micros(whole * 1'000'000);
}

// A server's outgoing parts over a store that outlives them, with real sockets and a clock moved by hand.
struct Process {
  Process(storage::MemoryStore& store_, ManualClock& clock_, const std::string& payments_url)
      : store(store_), clock(clock_) {
    config.data = files.path();
    config.payments.url = payments_url;
    config.payments.secret = secret;
    config.webhooks.allow_private = true;
    config.webhooks.timeout_seconds = 1;
    REQUIRE(directory.load().has_value());
    REQUIRE(ledgers.recover().has_value());
    auto opened = tools::Outgoing::open(config, {store, writer, directory, ledgers, clock, random});
    REQUIRE(opened.has_value());
    outgoing = std::move(*opened);
  }
  ~Process() { writer.stop(); }

  template <class Condition>
  void until(Condition condition) {
    while (!condition()) {
      outgoing->dispatcher().tick(clock.now());
      if (!writer.step()) std::this_thread::yield();
    }
  }
  void commit() {
    while (writer.step()) {
    }
  }
  LedgerState state() {
    Result<LedgerState> read = fail(Errc::unavailable, "not answered");
    ledgers.read(acme, [&](Result<LedgerState> result) { read = std::move(result); });
    commit();
    return *read;
  }
  Delivery request() {
    return decode_delivery(store.get(storage::Table::delivery, acme, "reload_acme.1").value().value()).value();
  }
  // An account that is below its threshold of auto-reload.
  void ask() {
    Account account;
    account.id = acme;
    account.reload = {true, credits(10), credits(25), std::nullopt};
    directory.create_account(account, nullptr);
    commit();
    ledgers.post(
        acme, [](Ledger&) {}, nullptr);
    commit();
  }

  TemporaryDirectory files;  // for secrets
  storage::MemoryStore& store;
  ManualClock& clock;
  Config config;
  SeededRandom random{3};
  storage::AccountWriter writer{store, {.shards = 1, .waiting_max = 1000, .threads = false}, [](const Error&) {}};
  storage::Directory directory{store, writer};
  storage::Ledgers ledgers{store, writer, clock, [this](const AccountId& id) { return directory.account(id); }};
  std::unique_ptr<tools::Outgoing> outgoing;
};

std::string header(const Receiver::Seen& seen, const std::string& name) {
  const std::size_t at = seen.head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return seen.head.substr(begin, seen.head.find("\r\n", begin) - begin);
}

Webhook subscribe(Process& process, const std::string& id, const std::string& url, WebhookEvent event) {
  Webhook webhook;
  webhook.id = WebhookId(id);
  webhook.url = url;
  webhook.events = {event};
  webhook.secrets.current = secret;
  process.writer.post(
      acme,
      [&](storage::AccountTx& tx) -> Result<void> {
        CHECK(process.outgoing->webhooks().create(tx, webhook).has_value());
        return {};
      },
      storage::Durability::synced, nullptr);
  process.commit();
  return webhook;
}

}  // namespace

TEST_CASE("payments: over a real socket a paid request is granted with its reference, signed by payments.secret") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver system;
  Process process(store, clock, system.url("/paid/pay_77"));
  process.ask();
  process.until([&] { return process.request().status == DeliveryStatus::delivered; });
  CHECK(process.state().balance == credits(25));
  CHECK(process.ledgers.entry(acme, 1)->reference == "pay_77");
  REQUIRE(system.seen().size() == 1);
  const Receiver::Seen seen = system.seen()[0];
  CHECK(header(seen, "Idempotency-Key") == "reload_acme.1");
  const webhook::SignatureHeaders signature{header(seen, "webhook-id"), header(seen, "webhook-timestamp"),
                                            header(seen, "webhook-signature")};
  CHECK(webhook::verify(secret, signature, seen.body, clock.now()));
}

TEST_CASE("payments: over a real socket a refused one is declined") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver system;
  Process process(store, clock, system.url("/status/402"));
  process.ask();
  process.until([&] { return process.request().status == DeliveryStatus::dead; });
  CHECK(!process.state().reload.pending);
  CHECK(process.state().balance == Credits());
}

TEST_CASE("payments: silence, a restart, and the payment under the same key") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver system;
  for (const char* path : {"/reset", "/stall", "/hang", "/status/200", "/long", "/redirect"}) {
    Process process(store, clock, system.url(path));
    if (!process.directory.account(acme)) process.ask();
    const auto before = process.request().attempts;
    process.until([&] { return process.request().attempts > before; });
    CAPTURE(path);
    CHECK(process.request().status == DeliveryStatus::pending);
    CHECK(process.state().balance == Credits());
    clock.advance_ms(hour_ms);
  }
  {
    // Paid, but the process ends before it could note that.
    Process process(store, clock, system.url("/paid/pay_1"));
    while (system.seen().size() < 7) process.outgoing->dispatcher().tick(clock.now());
  }
  Process process(store, clock, system.url("/paid/pay_1"));
  process.until([&] { return process.request().status == DeliveryStatus::delivered; });
  CHECK(process.state().balance == credits(25));
  CHECK(process.state().reload.last == 1);
  for (const Receiver::Seen& seen : system.seen()) CHECK(header(seen, "Idempotency-Key") == "reload_acme.1");
}

TEST_CASE("webhooks: 410 disables the subscription, unless its address changed since, and ends the delivery") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver receiver;
  Process process(store, clock, "");
  Account account;
  account.id = acme;
  process.directory.create_account(account, nullptr);
  const Webhook webhook = subscribe(process, "wh_1", receiver.url("/status/410"), WebhookEvent::credits_exhausted);
  process.ledgers.post(
      acme,
      [](Ledger& ledger) {
        Grant grant;
        grant.amount = credits(1);
        CHECK(ledger.grant(grant).has_value());
      },
      nullptr);
  process.ledgers.post(
      acme,
      [](Ledger& ledger) {
        Debit debit;
        debit.amount = credits(1);
        CHECK(ledger.debit(debit).has_value());
      },
      nullptr);
  WebhookStatus expected = WebhookStatus::disabled;
  SUBCASE("the same address") {}
  SUBCASE("another address") {
    expected = WebhookStatus::active;
    process.commit();
    process.writer.post(
        acme,
        [&](storage::AccountTx& tx) -> Result<void> {
          CHECK(process.outgoing->webhooks().change(tx, webhook.id, [&](Webhook& changed) -> Result<void> {
            changed.url = receiver.url("/status/200");
            return {};
          }));
          return {};
        },
        storage::Durability::synced, nullptr);
    process.commit();
  }
  process.until([&] { return process.outgoing->dispatcher().counters().dead == 1; });
  CHECK(process.outgoing->webhooks().find(acme, webhook.id)->status == expected);
  const auto log = process.outgoing->customer_desk().deliveries(acme, webhook.id, std::nullopt, 10, "");
  REQUIRE(log->items.size() == 1);
  CHECK(log->items[0].status == DeliveryStatus::dead);
  CHECK(log->items[0].attempts == 1);
}

namespace {

Delivery send_test(Process& process, const WebhookId& id) {
  Result<Delivery> sent = fail(Errc::unavailable, "not answered");
  process.writer.post(
      acme,
      [&](storage::AccountTx& tx) -> Result<void> {
        sent = process.outgoing->customer_desk().test(tx, id);
        return sent ? Result<void>() : sent.error();
      },
      storage::Durability::synced, nullptr);
  process.commit();
  if (!sent) {
    Delivery none;
    none.last_error = sent.error().rule;
    return none;
  }
  return *sent;
}

}  // namespace

TEST_CASE("webhooks: five days of failures disable one, and another of the account is told") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver receiver;
  Process process(store, clock, "");
  const Webhook broken = subscribe(process, "wh_1", receiver.url("/status/500"), WebhookEvent::credits_low);
  const Webhook watching = subscribe(process, "wh_2", receiver.url("/status/200"), WebhookEvent::webhook_disabled);
  const auto state = [&] { return *process.outgoing->webhooks().find(acme, broken.id); };
  send_test(process, broken.id);
  process.until([&] { return state().failing_since.has_value(); });
  clock.advance_ms(webhook_failing_ms);
  send_test(process, broken.id);
  process.until([&] { return process.outgoing->dispatcher().counters().delivered == 1; });
  CHECK(state().disabled_reason == WebhookDisabled::failing);
  CHECK(state().disabled_at == clock.now());
  CHECK(receiver.seen().back().body.find("webhook.disabled") != std::string::npos);
  CHECK(send_test(process, broken.id).last_error == "webhook_disabled");
  CHECK(process.outgoing->webhooks().find(acme, watching.id)->status == WebhookStatus::active);
}

TEST_CASE("deliveries: the operator sees what was sent, what came back, and how long it took") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver receiver;
  Process process(store, clock, "");
  const Webhook webhook = subscribe(process, "wh_1", receiver.url("/long500"), WebhookEvent::credits_low);
  const Delivery sent = send_test(process, webhook.id);
  process.until([&] { return process.outgoing->dispatcher().counters().dead == 1; });
  const auto detail = process.outgoing->operator_desk().show(sent.id);
  REQUIRE(detail.has_value());
  CHECK(detail->delivery.status == DeliveryStatus::dead);
  CHECK(detail->body == receiver.seen()[0].body);
  REQUIRE(detail->attempts.size() == 1);
  CHECK(detail->attempts[0].url == webhook.url);
  CHECK(detail->attempts[0].status == 500);
  CHECK(detail->attempts[0].started_at == clock.now());
  CHECK(detail->attempts[0].took_ms >= 0);
  CHECK(detail->attempts[0].response == std::string(1024, 'x'));
  for (const auto& [name, value] : sent_headers(detail->delivery, detail->attempts[0]))
    CHECK(receiver.seen()[0].head.find(": " + value + "\r\n") != std::string::npos);
  CHECK(process.outgoing->operator_desk().show(DeliveryId("msg_none")).error().code == Errc::not_found);
}

TEST_CASE("deliveries: a range is replayed by its time, status and webhook, in bounded pieces") {
  storage::MemoryStore store;
  ManualClock clock;
  Receiver receiver;
  Process process(store, clock, "");
  const Webhook webhook = subscribe(process, "wh_1", receiver.url("/status/500"), WebhookEvent::credits_low);
  const UtcTime begun = clock.now();
  for (int n = 0; n < 5; ++n) {
    send_test(process, webhook.id);
    clock.advance_ms(1000);
  }
  process.until([&] { return process.outgoing->dispatcher().counters().dead == 5; });
  http::ReplayRange range;
  range.account = acme;
  range.webhook_id = "wh_1";
  range.created = {begun + 1000, begun + 4000};
  range.limit = 2;
  std::size_t replayed = 0;
  int calls = 0;
  do {
    Result<http::ReplayCount> count = fail(Errc::unavailable, "not answered");
    process.outgoing->operator_desk().replay_range(range, [&](Result<http::ReplayCount> result) { count = result; });
    process.commit();
    REQUIRE(count.has_value());
    CHECK(count->replayed <= 2);
    replayed += count->replayed;
    range.cursor = count->next_cursor;
    ++calls;
  } while (!range.cursor.empty());
  CHECK(replayed == 3);
  CHECK(calls >= 2);
  process.until([&] { return process.outgoing->dispatcher().counters().dead == 8; });
  CHECK(receiver.seen().size() == 8);
  range.webhook_id = "wh_other";
  range.cursor.clear();
  Result<http::ReplayCount> none = fail(Errc::unavailable, "not answered");
  process.outgoing->operator_desk().replay_range(range, [&](Result<http::ReplayCount> result) { none = result; });
  REQUIRE(none.has_value());
  CHECK(none->replayed == 0);
}

TEST_CASE("payments: a url or a secret that cannot be is told at the start") {
  storage::MemoryStore store;
  ManualClock clock;
  Process process(store, clock, "");
  const auto refusal = [&](const std::string& url, const std::string& with) {
    Config config;
    config.payments.url = url;
    config.payments.secret = with;
    const auto opened = tools::Outgoing::open(
        config, {store, process.writer, process.directory, process.ledgers, clock, process.random});
    return opened ? std::string() : opened.error().detail;
  };
  CHECK(refusal("http://user@10.0.0.1/", secret).starts_with("payments.url: "));
  CHECK(refusal("https://example.com/", "whsec_short").starts_with("payments.secret: "));
}

}  // namespace outgoing_test

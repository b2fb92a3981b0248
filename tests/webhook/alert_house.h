// One account's ledger with an outbox, standing webhooks and a payment system that a test answers by hand; processes
// that come and go over one store.
#pragma once

#include <cassert>
#include <memory>
#include <string>
#include <vector>

#include "storage/ledgers.h"
#include "storage/webhooks.h"
#include "tests/webhook/fixture.h"
#include "webhook/outbox.h"
#include "webhook/reloads.h"

namespace tally::webhook::test {

inline const AccountId acme("acme");

inline Credits credits(std::int64_t whole) {
  return Credits::from_micros(whole * 1'000'000);
}

class AlertHouse {
 public:
  explicit AlertHouse(std::string payments_url = "https://pay.example/charge") { start(std::move(payments_url)); }
  ~AlertHouse() { writer->stop(); }

  // A process begins; the one before is gone with all that it had not committed.
  void start(std::string payments_url) {
    store.is_off = true;
    writer.reset();
    store.is_off = false;
    dispatcher.reset();
    writer = std::make_unique<storage::AccountWriter>(
        store, storage::WriterOptions{.shards = 1, .waiting_max = 1000, .threads = false},
        [this](const Error&) { assert(store.is_off); });
    webhooks = std::make_unique<storage::Webhooks>();
    transport = std::make_unique<FakeTransport>();
    payments = std::make_unique<FakeTransport>();
    ledgers = std::make_unique<storage::Ledgers>(store, *writer, clock, [this](const AccountId&) { return account; });
    outbox = std::make_unique<Outbox>(
        store, *writer, *webhooks, clock, random, payments_url,
        [this](const AccountId& id, const DeliveryId& delivery) { dispatcher->offer(id, delivery); });
    reloads = std::make_unique<Reloads>(*ledgers, [](const std::string& body) -> std::optional<std::string> {
      if (body.empty()) return std::nullopt;
      return body;
    });
    Dispatcher::Standing standing;
    standing.secrets_of = [this](const AccountId& id, std::string_view webhook) -> Result<WebhookSecrets> {
      if (webhook == payments_webhook_id) return WebhookSecrets{secret, "", {}};
      const auto found = webhooks->find(id, WebhookId(std::string(webhook)));
      if (!found) return fail(Errc::not_found, "gone");
      return found->secrets;
    };
    standing.on_attempt = [this](storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome,
                                 UtcTime now) -> Result<void> {
      if (delivery.webhook_id != payments_webhook_id) return {};
      return reloads->record(tx, delivery, outcome, now);
    };
    standing.payments_url = std::move(payments_url);
    standing.payments_transport = payments.get();
    dispatcher =
        std::make_unique<Dispatcher>(settings(), Dispatcher::Parts{store, *writer, *transport, random,
                                                                   [](const AccountId&) -> Result<WebhookSecrets> {
                                                                     return fail(Errc::not_found, "not by callback");
                                                                   },
                                                                   std::move(standing)});
    const auto loaded = webhooks->load(store);
    const auto recovered = ledgers->recover();
    assert(loaded && recovered);
    (void)loaded, (void)recovered;
    ledgers->set_outbox(
        [this](storage::AccountTx& tx, const LedgerChanges& changes) { outbox->ledger_changed(tx, changes); });
  }

  // Until nothing moves without an answer or more time.
  void settle() {
    for (;;) {
      const auto next = dispatcher->tick(clock.now());
      const bool wrote = writer->step();
      if (!wrote && (!next || *next > clock.now())) return;
    }
  }
  void pass(std::int64_t ms) {
    clock.advance_ms(ms);
    ledgers->tick();
    settle();
  }

  void work(const storage::Ledgers::Work& work) {
    ledgers->post(acme, work, nullptr);
    settle();
  }
  void grant(std::int64_t whole) {
    work([&](Ledger& ledger) {
      Grant grant;
      grant.amount = credits(whole);
      const auto granted = ledger.grant(grant);
      assert(granted);
      (void)granted;
    });
  }
  void spend(std::int64_t whole) {
    work([&](Ledger& ledger) {
      Debit debit;
      debit.amount = credits(whole);
      const auto spent = ledger.debit(debit);
      assert(spent);
      (void)spent;
    });
  }
  Webhook subscribe(std::vector<WebhookEvent> events) {
    Webhook webhook;
    webhook.id = WebhookId(make_id(random, "wh"));
    webhook.url = "https://example.com/" + webhook.id.str();
    webhook.events = std::move(events);
    webhook.secrets.current = make_secret(random);
    webhook.created_at = clock.now();
    const auto stored = in_command([&](storage::AccountTx& tx) -> Result<void> {
      auto made = webhooks->create(tx, webhook);
      if (!made) return made.error();
      return {};
    });
    assert(stored);
    (void)stored;
    return webhook;
  }
  Result<void> in_command(storage::Command command) {
    Result<void> result = fail(Errc::unavailable, "not answered");
    writer->post(acme, std::move(command), storage::Durability::synced, [&](Result<void> done) { result = done; });
    settle();
    return result;
  }

  LedgerState state() {
    Result<LedgerState> read = fail(Errc::unavailable, "not answered");
    ledgers->read(acme, [&](Result<LedgerState> result) { read = std::move(result); });
    settle();
    return *read;
  }
  std::vector<Delivery> log(std::string_view webhook_id) {
    return list_webhook_deliveries(store, acme, webhook_id, std::nullopt, 100, "").value().items;
  }
  std::string body(const DeliveryId& id) {
    return store.get(storage::Table::delivery_body, acme, id.str()).value().value();
  }

  SwitchedStore store;
  ManualClock clock;
  SeededRandom random{5};
  std::shared_ptr<Account> account = std::make_shared<Account>();
  std::unique_ptr<storage::AccountWriter> writer;
  std::unique_ptr<storage::Webhooks> webhooks;
  std::unique_ptr<FakeTransport> transport;
  std::unique_ptr<FakeTransport> payments;
  std::unique_ptr<storage::Ledgers> ledgers;
  std::unique_ptr<Outbox> outbox;
  std::unique_ptr<Reloads> reloads;
  std::unique_ptr<Dispatcher> dispatcher;
};

}  // namespace tally::webhook::test

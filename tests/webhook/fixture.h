// A dispatcher over the memory store, with a transport that a test answers by hand and a writer that runs when told to.
#pragma once

#include <cassert>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/delivery.h"
#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"
#include "webhook/dispatcher.h"

namespace tally::webhook::test {

class FakeTransport final : public Transport {
 public:
  struct Sent {
    Attempt attempt;
    Done done;
  };
  void send(Attempt attempt, Done done) override { sent.push_back({std::move(attempt), std::move(done)}); }

  // Takes the oldest unanswered attempt and answers it.
  Attempt answer(AttemptOutcome outcome) {
    assert(!sent.empty());
    Sent first = std::move(sent.front());
    sent.pop_front();
    first.done(std::move(outcome));
    return first.attempt;
  }
  Attempt answer(int status) {
    AttemptOutcome outcome;
    outcome.status = status;
    if (status < 200 || status > 299) outcome.error = "the receiver answered " + std::to_string(status);
    return answer(std::move(outcome));
  }

  std::deque<Sent> sent;
};

class SwitchedStore final : public storage::Store {
 public:
  template <class T>
  using Result = tally::Result<T>;
  using Table = storage::Table;

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override {
    if (table == Table::delivery) ++deliveries_read;
    return rows.get(table, account, key);
  }
  Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override {
    if (damaged) return fail(Errc::corrupt, "one of them is damaged");
    if (table == Table::delivery) deliveries_read += keys.size();
    return rows.get_many(table, account, keys);
  }
  Result<void> scan(Table table, const AccountId& account, const storage::ScanRange& range,
                    const storage::RowVisitor& visit) const override {
    return rows.scan(table, account, range, visit);
  }
  Result<void> scan_all(Table table, const AccountId& from, const storage::AccountRowVisitor& visit) const override {
    return rows.scan_all(table, from, visit);
  }
  Result<storage::Position> commit(std::span<const storage::Batch> batches, storage::Durability durability) override {
    if (is_off) return fail(Errc::unavailable, "switched off");
    return rows.commit(batches, durability);
  }
  Result<void> sync() override { return rows.sync(); }
  Result<void> read_journal(storage::Position from, const storage::JournalVisitor& visit) const override {
    return rows.read_journal(from, visit);
  }
  storage::Position next_position() const override { return rows.next_position(); }
  std::shared_ptr<const storage::Rows> snapshot() const override { return rows.snapshot(); }
  bool writable() const override { return has_room; }
  std::uint64_t size_bytes() const override { return rows.size_bytes(); }

  storage::MemoryStore rows;
  bool has_room = true;
  bool is_off = false;   // no commit reaches it
  bool damaged = false;  // so that several rows cannot be read at once
  mutable std::size_t deliveries_read = 0;
};

inline const std::string secret = "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";

inline WebhookSettings settings() {
  WebhookSettings out;
  out.retry.waits_seconds = {5, 300};
  out.concurrent_per_host = 4;
  out.concurrent_total = 16;
  return out;
}

// One process's life over a store that outlives it.
class Process {
 public:
  explicit Process(SwitchedStore& store_, WebhookSettings with = settings(), LaneLimits limits = {})
      : store(store_),
        writer(store, {.shards = 1, .threads = false}, [](const Error&) { assert(false); }),
        dispatcher(with,
                   {store, writer, transport, random,
                    [this](const AccountId&) -> Result<WebhookSecrets> {
                      if (secrets_error) return *secrets_error;
                      return WebhookSecrets{secret, "", {}};
                    }},
                   limits) {
    dispatcher.on_wake([this] { woken = true; });
  }

  // Ticks and commits until nothing moves without an answer or more time. Answers when the next tick is due.
  std::optional<UtcTime> settle() {
    for (;;) {
      woken = false;
      const auto next = dispatcher.tick(clock.now());
      const bool wrote = writer.step();
      if (!woken && !wrote && (!next || *next > clock.now())) return next;
    }
  }

  SwitchedStore& store;
  ManualClock clock;
  SeededRandom random{7};
  storage::AccountWriter writer;
  FakeTransport transport;
  std::optional<Error> secrets_error;
  bool woken = false;
  Dispatcher dispatcher;
};

inline Delivery make_delivery(const std::string& account, const std::string& id, const std::string& url, UtcTime at) {
  Delivery delivery;
  delivery.id = DeliveryId(id);
  delivery.account = AccountId(account);
  delivery.url = url;
  delivery.event = "report.completed";
  delivery.created_at = at;
  delivery.next_attempt_at = at;
  return delivery;
}

// What the command that finishes a job stores.
inline void put_delivery(storage::Store& store, const Delivery& delivery) {
  storage::Batch batch(delivery.account);
  batch.put(storage::Table::delivery, delivery.id.str(), encode(delivery));
  batch.put(storage::Table::delivery_body, delivery.id.str(), R"({"of":")" + delivery.id.str() + R"("})");
  if (delivery.status == DeliveryStatus::pending) batch.put(storage::Table::open_delivery, delivery.id.str(), "");
  const auto committed = store.commit({&batch, 1}, storage::Durability::relaxed);
  assert(committed);
  (void)committed;
}

inline Delivery stored(const storage::Rows& rows, const std::string& account, const std::string& id) {
  return decode_delivery(rows.get(storage::Table::delivery, AccountId(account), id).value().value()).value();
}

inline bool is_open(const storage::Rows& rows, const std::string& account, const std::string& id) {
  return rows.get(storage::Table::open_delivery, AccountId(account), id).value().has_value();
}

}  // namespace tally::webhook::test

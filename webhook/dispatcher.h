// Delivers what the outbox holds: reads pending deliveries from the store, signs and sends them, and records each
// attempt.
//
// At least once: an attempt whose record a crash took is made again, with the same `webhook-id`. Records are committed
// relaxed, so that only power loss, never a crash of the process, repeats a delivery that was already recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/account.h"
#include "core/config.h"
#include "storage/store.h"
#include "storage/writer.h"
#include "webhook/lanes.h"
#include "webhook/transport.h"

namespace tally::webhook {

struct DispatcherCounters {
  std::uint64_t sent = 0;       // attempts handed to the transport
  std::uint64_t delivered = 0;  // recorded, as are the next two
  std::uint64_t failed = 0;     // attempts that brought no 2xx
  std::uint64_t dead = 0;
  std::uint64_t broken = 0;   // deliveries left alone because their stored bytes cannot be read
  std::uint64_t pending = 0;  // in memory now; a backlog beyond the bounds of LaneLimits waits in the store
};

// Passive: it has no thread and no clock. tick() does all the work; offer, replay and counters may be called from any
// thread.
class Dispatcher {
 public:
  // An account's secrets. Errc::not_found ends the delivery as dead; any other error postpones the attempt.
  using SecretsOf = std::function<Result<WebhookSecrets>(const AccountId&)>;

  // What deliveries with a webhook_id need beyond.
  struct Standing {
    // As SecretsOf, of one webhook (payments_webhook_id too).
    std::function<Result<WebhookSecrets>(const AccountId&, std::string_view webhook_id)> secrets_of;
    // Runs in the command that records an attempt, after the rules of trying: what it writes is committed with the
    // record, and it may decide otherwise about the delivery. An error drops both; the record is tried again on
    // Errc::exhausted.
    std::function<Result<void>(storage::AccountTx&, Delivery&, const AttemptOutcome&, UtcTime now)> on_attempt;
    // Payments go there, whatever TargetPolicy says, by a transport that connects to any address; empty: nowhere.
    std::string payments_url;
    Transport* payments_transport = nullptr;
  };

  // All must outlive the dispatcher's last tick; the transport and the writer may answer later than that.
  struct Parts {
    const storage::Store& store;
    storage::Writer& writer;
    Transport& transport;
    Random& random;
    SecretsOf secrets_of;
    Standing standing = {};
    // An attempt and what it made of the delivery are recorded. Called by tick(). May be null.
    std::function<void(const Delivery&, const AttemptOutcome&)> on_recorded = nullptr;
  };

  // The caps on concurrency are the settings'; `limits` adds the bounds on memory.
  Dispatcher(const WebhookSettings& settings, Parts parts, LaneLimits limits = {});
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // `wake` is called from any thread, must be short, and means: call tick() now. A second call before that tick says
  // that much has come and the receivers wait for us.
  void on_wake(std::function<void()> wake);

  // Tells of a pending delivery that was committed. Cheap and short: fit for on_commit. What is pending already when
  // the dispatcher is made, it finds by itself.
  void offer(const AccountId& account, const DeliveryId& id);

  // Does what is due at `now` without waiting for anything, and answers when it wants to be called again (maybe at
  // once), or nothing: only after a wake.
  std::optional<UtcTime> tick(UtcTime now);

  // Sends a dead or delivered one again from the start of the schedule. `done` gets Errc::not_found, or Errc::conflict
  // while it is pending. Synced.
  void replay(const AccountId& account, const DeliveryId& id, UtcTime now, storage::Done done);

  DispatcherCounters counters() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace tally::webhook

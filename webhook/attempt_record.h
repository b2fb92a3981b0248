// The record of an attempt: what it brought, and what that made of its delivery.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/delivery.h"
#include "storage/writer.h"

namespace tally::webhook {

// A pending delivery as it was stored when its attempt began. While it is pending nobody but the record of an attempt
// changes it, and the next attempt begins when that is committed; so the record need not read it again.
using KnownDelivery = std::shared_ptr<const Delivery>;

// What became of the record of an attempt.
struct Recorded {
  DeliveryId id;
  std::optional<Error> error;
  AttemptOutcome outcome;
  KnownDelivery before;  // null: to be read
  bool known = false;    // the row was there, pending
  DeliveryStatus status = DeliveryStatus::pending;
  UtcTime next_attempt_at;
  std::optional<Delivery> delivery;  // as it was recorded, if somebody wants to be told
  bool wanted = false;
};

// Errc::not_found when there is no row.
Result<Delivery> read_delivery(const Result<std::optional<std::string>>& row);

// Dispatcher::Standing::on_attempt.
using OnAttempt = std::function<Result<void>(storage::AccountTx&, Delivery&, const AttemptOutcome&, UtcTime now)>;

// The writer's command. Runs on another thread, so it holds all it needs.
Result<void> record_in(storage::AccountTx& tx, const RetrySchedule& schedule, UtcTime now, Random& random,
                       const OnAttempt& on_attempt, Recorded& result);

}  // namespace tally::webhook

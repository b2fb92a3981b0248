#include "webhook/attempt_record.h"

#include <utility>

#include "core/attempt_log.h"

namespace tally::webhook {
namespace {

using storage::Table;

// The attempt before this one makes room for it in the delivery's row.
Result<void> store_attempt(storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome) {
  if (!delivery.latest_attempt.empty()) {
    auto earlier = tx.get(Table::delivery_attempts, delivery.id.str());
    if (!earlier) return earlier.error();
    tx.put(Table::delivery_attempts, delivery.id.str(), join_attempts(earlier->value_or(""), delivery.latest_attempt));
  }
  delivery.latest_attempt = append_attempt("", outcome);
  return {};
}

}  // namespace

Result<Delivery> read_delivery(const Result<std::optional<std::string>>& row) {
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, "there is no such delivery");
  return decode_delivery(**row);
}

Result<void> record_in(storage::AccountTx& tx, const RetrySchedule& schedule, UtcTime now, Random& random,
                       const OnAttempt& on_attempt, Recorded& result) {
  auto delivery =
      result.before ? Result<Delivery>(*result.before) : read_delivery(tx.get(Table::delivery, result.id.str()));
  if (!delivery) {
    if (delivery.error().code == Errc::not_found) return {};  // dropped with its job
    return delivery.error();
  }
  if (delivery->status != DeliveryStatus::pending) return {};
  if (auto stored = store_attempt(tx, *delivery, result.outcome); !stored) return stored;
  record_attempt(*delivery, result.outcome, schedule, now, random);
  if (on_attempt) {
    if (auto done = on_attempt(tx, *delivery, result.outcome, now); !done) return done;
  }
  tx.put(Table::delivery, result.id.str(), encode(*delivery));
  if (delivery->status != DeliveryStatus::pending) tx.erase(Table::open_delivery, result.id.str());
  result.known = true;
  result.status = delivery->status;
  result.next_attempt_at = delivery->next_attempt_at;
  if (result.wanted) result.delivery = std::move(*delivery);
  return {};
}

}  // namespace tally::webhook

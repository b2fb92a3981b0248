// A webhook delivery: one outcome to be told to one URL, and the rules of trying.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "core/result.h"
#include "core/retry.h"
#include "core/time.h"

namespace tally {

enum class DeliveryStatus : std::uint8_t { pending = 1, delivered, dead };
std::string_view to_string(DeliveryStatus status) noexcept;

// The webhook_id of requests to the operator's payment system. They go to `payments.url` as it is set at the time of an
// attempt.
inline constexpr std::string_view payments_webhook_id = "payments";

// The event of a delivery that its owner asked for to see whether a webhook works. It is tried once.
inline constexpr std::string_view webhook_test_event = "webhook.test";

struct Delivery {
  DeliveryId id;  // also the `webhook-id` header, the same on every attempt
  AccountId account;
  std::string webhook_id;  // of a standing subscription, or payments_webhook_id; empty for a callback_url
  std::string url;
  std::string event;  // "report.completed", "credits.low", "payment.reload" …
  RequestId request;  // of the job, if any
  DeliveryStatus status = DeliveryStatus::pending;
  std::uint32_t attempts = 0;
  int last_status = 0;      // HTTP status of the last attempt; 0 if there was no response
  std::string last_error;   // why the last attempt failed
  UtcTime next_attempt_at;  // while pending
  UtcTime created_at;
  UtcTime finished_at;
  std::string http_request_id;  // as the job's
  // As core/attempt_log.h encodes it; empty before the first one. Those before it lie in Table::delivery_attempts, as
  // all do of a delivery that an earlier program tried last.
  std::string latest_attempt;

  bool untried() const noexcept { return attempts == 0 && last_status == 0 && last_error.empty(); }  // nor replayed
};

// What one attempt brought.
struct AttemptOutcome {
  int status = 0;                        // 0: no response
  std::string error;                     // for people; empty on 2xx
  std::int64_t retry_after_seconds = 0;  // from the response, 0 without
  bool permanent = false;                // e.g. the address is forbidden: no further attempt
  std::string body;                      // of the response; capped, for a payment later
  std::string url;                       // where it went
  UtcTime started_at;
  std::int64_t took_ms = 0;
};

// Counts the attempt: 2xx delivers, everything else (3xx too) waits for the next attempt or ends as a dead letter.
// An outcome for a delivery that is not pending (it was late) changes nothing.
void record_attempt(Delivery& delivery, const AttemptOutcome& outcome, const RetrySchedule& schedule, UtcTime now,
                    Random& random);

// A dead or delivered one is sent again from the start of the schedule, with the same id. Errc::conflict while pending,
// and for a payment: what was declined must not be paid later, when the ledger no longer waits for it.
Result<void> replay(Delivery& delivery, UtcTime now);

std::string encode(const Delivery& delivery);
Result<Delivery> decode_delivery(std::string_view bytes);

}  // namespace tally

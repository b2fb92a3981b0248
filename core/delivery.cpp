#include "core/delivery.h"

#include "core/row.h"

namespace tally {
namespace {

// 1 had no http_request_id. 2 had no latest_attempt: Table::delivery_attempts holds all attempts.
constexpr std::uint8_t delivery_version = 3;

}  // namespace

std::string_view to_string(DeliveryStatus status) noexcept {
  switch (status) {
    case DeliveryStatus::pending:
      return "pending";
    case DeliveryStatus::delivered:
      return "delivered";
    case DeliveryStatus::dead:
      return "dead";
  }
  return "unknown";
}

void record_attempt(Delivery& delivery, const AttemptOutcome& outcome, const RetrySchedule& schedule, UtcTime now,
                    Random& random) {
  if (delivery.status != DeliveryStatus::pending) return;
  ++delivery.attempts;
  delivery.last_status = outcome.status;
  delivery.last_error = outcome.error;
  if (outcome.status >= 200 && outcome.status <= 299) {
    delivery.status = DeliveryStatus::delivered;
    delivery.finished_at = now;
    return;
  }
  if (!outcome.permanent && delivery.event != webhook_test_event) {
    const auto next = schedule.next(now, static_cast<int>(delivery.attempts), random, outcome.retry_after_seconds);
    if (next) {
      delivery.next_attempt_at = *next;
      return;
    }
  }
  delivery.status = DeliveryStatus::dead;
  delivery.finished_at = now;
}

Result<void> replay(Delivery& delivery, UtcTime now) {
  if (delivery.status == DeliveryStatus::pending) return fail(Errc::conflict, "the delivery is still pending");
  if (delivery.webhook_id == payments_webhook_id)
    return fail(Errc::conflict, "a request for a payment is never sent again once it has an outcome");
  delivery.status = DeliveryStatus::pending;
  delivery.attempts = 0;
  delivery.next_attempt_at = now;
  delivery.finished_at = UtcTime();
  return {};
}

std::string encode(const Delivery& delivery) {
  std::string bytes;
  bytes.reserve(192 + delivery.url.size() + delivery.last_error.size() + delivery.latest_attempt.size());
  Encoder out(bytes);
  out.u8(delivery_version);
  out.text(delivery.id.str());
  out.text(delivery.account.str());
  out.text(delivery.webhook_id);
  out.text(delivery.url);
  out.text(delivery.event);
  out.text(delivery.request.str());
  write_enum(out, delivery.status);
  out.u64(delivery.attempts);
  out.i64(delivery.last_status);
  out.text(delivery.last_error);
  write_time(out, delivery.next_attempt_at);
  write_time(out, delivery.created_at);
  write_time(out, delivery.finished_at);
  out.text(delivery.http_request_id);
  out.text(delivery.latest_attempt);
  return bytes;
}

Result<Delivery> decode_delivery(std::string_view bytes) {
  Decoder in(bytes);
  const std::uint8_t version = in.u8();
  if (version < 1 || version > delivery_version) in.reject();
  Delivery delivery;
  delivery.id = DeliveryId(read_string(in));
  delivery.account = AccountId(read_string(in));
  delivery.webhook_id = in.text();
  delivery.url = in.text();
  delivery.event = in.text();
  delivery.request = RequestId(read_string(in));
  delivery.status = read_enum(in, DeliveryStatus::dead);
  delivery.attempts = read_u32(in);
  delivery.last_status = read_int(in);
  delivery.last_error = in.text();
  delivery.next_attempt_at = read_time(in);
  delivery.created_at = read_time(in);
  delivery.finished_at = read_time(in);
  if (version > 1) delivery.http_request_id = in.text();
  if (version > 2) delivery.latest_attempt = in.text();
  if (!in.done()) return fail(Errc::corrupt, "a delivery row cannot be read");
  return delivery;
}

}  // namespace tally

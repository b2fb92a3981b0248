// Standing webhooks: an account's subscriptions to what happens to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/account.h"
#include "core/ids.h"
#include "core/result.h"
#include "core/time.h"

namespace tally {

using WebhookId = Id<struct WebhookTag>;

inline constexpr std::size_t webhooks_per_account_max = 20;

enum class WebhookEvent : std::uint8_t {
  report_completed = 1,
  report_failed,
  credits_low,
  credits_exhausted,
  credits_expiring,
  credits_reloaded,
  webhook_disabled,  // another webhook of the account
};
inline constexpr WebhookEvent all_webhook_events[] = {WebhookEvent::report_completed, WebhookEvent::report_failed,
                                                      WebhookEvent::credits_low,      WebhookEvent::credits_exhausted,
                                                      WebhookEvent::credits_expiring, WebhookEvent::credits_reloaded,
                                                      WebhookEvent::webhook_disabled};
std::string_view to_string(WebhookEvent event) noexcept;  // "report.completed"
std::optional<WebhookEvent> webhook_event_named(std::string_view word) noexcept;

enum class WebhookStatus : std::uint8_t { active = 1, disabled };
std::string_view to_string(WebhookStatus status) noexcept;

// Why a webhook is disabled.
enum class WebhookDisabled : std::uint8_t {
  requested = 1,  // by its owner
  gone,           // the receiver answered 410
  failing,        // no attempt has succeeded for webhook_failing_ms
};
std::string_view to_string(WebhookDisabled reason) noexcept;

// A receiver that fails for this long, without a success in between, is given up.
inline constexpr std::int64_t webhook_failing_ms = 5 * day_ms;

struct Webhook {
  WebhookId id;  // "wh_…"
  std::string url;
  std::vector<WebhookEvent> events;  // ascending, each once
  WebhookStatus status = WebhookStatus::active;
  WebhookSecrets secrets;  // of this webhook alone
  UtcTime created_at;
  std::optional<UtcTime> failing_since;            // the first of the failures that no success followed
  std::optional<WebhookDisabled> disabled_reason;  // nothing: active, or disabled before reasons were kept
  std::optional<UtcTime> disabled_at;

  bool wants(WebhookEvent event) const noexcept;  // and is active
  void disable(WebhookDisabled reason, UtcTime now);
  void enable();  // with a clean record
};

// What the outcome of an attempt (its HTTP status, 0: no answer) at `url` does to the webhook: 410 disables it, so does
// a failure webhook_failing_ms after the first one, and a success forgets the failures. An outcome at an address that
// was changed since counts for nothing. Answers whether this disabled it.
bool note_attempt(Webhook& webhook, std::string_view url, int status, UtcTime now);

std::string encode(const Webhook& webhook);
Result<Webhook> decode_webhook(std::string_view bytes);

}  // namespace tally

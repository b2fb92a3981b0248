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
};
inline constexpr WebhookEvent all_webhook_events[] = {WebhookEvent::report_completed, WebhookEvent::report_failed,
                                                      WebhookEvent::credits_low,      WebhookEvent::credits_exhausted,
                                                      WebhookEvent::credits_expiring, WebhookEvent::credits_reloaded};
std::string_view to_string(WebhookEvent event) noexcept;  // "report.completed"
std::optional<WebhookEvent> webhook_event_named(std::string_view word) noexcept;

enum class WebhookStatus : std::uint8_t { active = 1, disabled };
std::string_view to_string(WebhookStatus status) noexcept;

struct Webhook {
  WebhookId id;  // "wh_…"
  std::string url;
  std::vector<WebhookEvent> events;  // ascending, each once
  WebhookStatus status = WebhookStatus::active;
  WebhookSecrets secrets;  // of this webhook alone
  UtcTime created_at;

  bool wants(WebhookEvent event) const noexcept;  // and is active
};

std::string encode(const Webhook& webhook);
Result<Webhook> decode_webhook(std::string_view bytes);

}  // namespace tally

#include "core/webhook.h"

#include <algorithm>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t webhook_version = 1;

}  // namespace

std::string_view to_string(WebhookEvent event) noexcept {
  switch (event) {
    case WebhookEvent::report_completed:
      return "report.completed";
    case WebhookEvent::report_failed:
      return "report.failed";
    case WebhookEvent::credits_low:
      return "credits.low";
    case WebhookEvent::credits_exhausted:
      return "credits.exhausted";
    case WebhookEvent::credits_expiring:
      return "credits.expiring";
    case WebhookEvent::credits_reloaded:
      return "credits.reloaded";
  }
  return "unknown";
}

std::optional<WebhookEvent> webhook_event_named(std::string_view word) noexcept {
  for (const WebhookEvent event : all_webhook_events) {
    if (to_string(event) == word) return event;
  }
  return std::nullopt;
}

std::string_view to_string(WebhookStatus status) noexcept {
  switch (status) {
    case WebhookStatus::active:
      return "active";
    case WebhookStatus::disabled:
      return "disabled";
  }
  return "unknown";
}

bool Webhook::wants(WebhookEvent event) const noexcept {
  return status == WebhookStatus::active && std::find(events.begin(), events.end(), event) != events.end();
}

std::string encode(const Webhook& webhook) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(webhook_version);
  out.text(webhook.id.str());
  out.text(webhook.url);
  out.u64(webhook.events.size());
  for (const WebhookEvent event : webhook.events) write_enum(out, event);
  write_enum(out, webhook.status);
  out.text(webhook.secrets.current);
  out.text(webhook.secrets.previous);
  write_time(out, webhook.secrets.previous_until);
  write_time(out, webhook.created_at);
  return bytes;
}

Result<Webhook> decode_webhook(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != webhook_version) in.reject();
  Webhook webhook;
  webhook.id = WebhookId(read_string(in));
  webhook.url = in.text();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    const WebhookEvent event = read_enum(in, WebhookEvent::credits_reloaded);
    if (!webhook.events.empty() && event <= webhook.events.back()) in.reject();
    webhook.events.push_back(event);
  }
  webhook.status = read_enum(in, WebhookStatus::disabled);
  webhook.secrets.current = in.text();
  webhook.secrets.previous = in.text();
  webhook.secrets.previous_until = read_time(in);
  webhook.created_at = read_time(in);
  if (!in.done()) return fail(Errc::corrupt, "a webhook row cannot be read");
  return webhook;
}

}  // namespace tally

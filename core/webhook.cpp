#include "core/webhook.h"

#include <algorithm>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t first_version = 1;  // without failures and reasons
constexpr std::uint8_t webhook_version = 2;
constexpr int gone_status = 410;

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
    case WebhookEvent::webhook_disabled:
      return "webhook.disabled";
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

std::string_view to_string(WebhookDisabled reason) noexcept {
  switch (reason) {
    case WebhookDisabled::requested:
      return "requested";
    case WebhookDisabled::gone:
      return "gone";
    case WebhookDisabled::failing:
      return "failing";
  }
  return "unknown";
}

bool Webhook::wants(WebhookEvent event) const noexcept {
  return status == WebhookStatus::active && std::find(events.begin(), events.end(), event) != events.end();
}

void Webhook::disable(WebhookDisabled reason, UtcTime now) {
  status = WebhookStatus::disabled;
  disabled_reason = reason;
  disabled_at = now;
}

void Webhook::enable() {
  status = WebhookStatus::active;
  failing_since.reset();
  disabled_reason.reset();
  disabled_at.reset();
}

bool note_attempt(Webhook& webhook, std::string_view url, int status, UtcTime now) {
  if (webhook.status != WebhookStatus::active || webhook.url != url) return false;
  if (status >= 200 && status <= 299) {
    webhook.failing_since.reset();
    return false;
  }
  if (!webhook.failing_since) webhook.failing_since = now;
  if (status == gone_status) {
    webhook.disable(WebhookDisabled::gone, now);
  } else if (now >= *webhook.failing_since + webhook_failing_ms) {
    webhook.disable(WebhookDisabled::failing, now);
  }
  return webhook.status == WebhookStatus::disabled;
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
  write_optional(out, webhook.failing_since, write_time);
  write_optional(out, webhook.disabled_reason, write_enum<WebhookDisabled>);
  write_optional(out, webhook.disabled_at, write_time);
  return bytes;
}

Result<Webhook> decode_webhook(std::string_view bytes) {
  Decoder in(bytes);
  const std::uint8_t version = in.u8();
  if (version != first_version && version != webhook_version) in.reject();
  Webhook webhook;
  webhook.id = WebhookId(read_string(in));
  webhook.url = in.text();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    const WebhookEvent event = read_enum(in, WebhookEvent::webhook_disabled);
    if (!webhook.events.empty() && event <= webhook.events.back()) in.reject();
    webhook.events.push_back(event);
  }
  webhook.status = read_enum(in, WebhookStatus::disabled);
  webhook.secrets.current = in.text();
  webhook.secrets.previous = in.text();
  webhook.secrets.previous_until = read_time(in);
  webhook.created_at = read_time(in);
  if (version == webhook_version) {
    webhook.failing_since = read_optional(in, read_time);
    webhook.disabled_reason =
        read_optional(in, [](Decoder& rest) { return read_enum(rest, WebhookDisabled::failing); });
    webhook.disabled_at = read_optional(in, read_time);
  }
  if (!in.done()) return fail(Errc::corrupt, "a webhook row cannot be read");
  return webhook;
}

}  // namespace tally

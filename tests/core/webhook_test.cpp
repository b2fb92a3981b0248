#include "core/webhook.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace webhook_test {

using namespace tally;

namespace {

Webhook sample() {
  Webhook webhook;
  webhook.id = WebhookId("wh_1");
  webhook.url = "https://example.com/hook";
  webhook.events = {WebhookEvent::report_failed, WebhookEvent::credits_low};
  webhook.secrets = {"whsec_b", "whsec_a", UtcTime::from_ms(5)};
  webhook.created_at = UtcTime::from_ms(1'700'000'000'000);
  return webhook;
}

}  // namespace

TEST_CASE("webhook: a stored webhook is read back whole") {
  Webhook webhook = sample();
  webhook.status = WebhookStatus::disabled;
  const auto read = decode_webhook(encode(webhook));
  REQUIRE(read.has_value());
  CHECK(read->id == webhook.id);
  CHECK(read->url == webhook.url);
  CHECK(read->events == webhook.events);
  CHECK(read->status == WebhookStatus::disabled);
  CHECK(read->secrets.current == "whsec_b");
  CHECK(read->secrets.previous == "whsec_a");
  CHECK(read->secrets.previous_until == UtcTime::from_ms(5));
  CHECK(read->created_at == webhook.created_at);
}

TEST_CASE("webhook: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(1);
  CHECK(refuses_prefixes_and_survives_noise(
      encode(sample()), random, [](const std::string& bytes) { return decode_webhook(bytes).has_value(); }));
  Webhook twice = sample();
  twice.events = {WebhookEvent::credits_low, WebhookEvent::credits_low};
  CHECK(decode_webhook(encode(twice)).error().code == Errc::corrupt);
}

TEST_CASE("webhook: an active one wants the events that it names") {
  Webhook webhook = sample();
  CHECK(webhook.wants(WebhookEvent::credits_low));
  CHECK(!webhook.wants(WebhookEvent::credits_reloaded));
  webhook.status = WebhookStatus::disabled;
  CHECK(!webhook.wants(WebhookEvent::credits_low));
}

TEST_CASE("webhook: every event has a word of its own, and is found by it") {
  for (const WebhookEvent event : all_webhook_events) CHECK(webhook_event_named(to_string(event)) == event);
  CHECK(to_string(WebhookEvent::credits_expiring) == "credits.expiring");
  CHECK(!webhook_event_named("credits"));
  CHECK(to_string(WebhookStatus::active) == "active");
}

TEST_CASE("webhook: five days of failures disable it, a success in between starts them anew") {
  const std::string url = sample().url;
  const UtcTime begun = UtcTime::from_ms(1'700'000'000'000);
  Webhook webhook = sample();
  CHECK(!note_attempt(webhook, url, 500, begun));
  CHECK(webhook.failing_since == begun);
  CHECK(!note_attempt(webhook, url, 0, begun + webhook_failing_ms - 1));
  CHECK(!note_attempt(webhook, url, 204, begun + webhook_failing_ms));
  CHECK(!webhook.failing_since);
  const UtcTime again = begun + webhook_failing_ms + 1;
  CHECK(!note_attempt(webhook, url, 302, again));
  CHECK(!note_attempt(webhook, url, 503, again + 4 * day_ms));
  CHECK(note_attempt(webhook, url, 503, again + webhook_failing_ms));
  CHECK(webhook.status == WebhookStatus::disabled);
  CHECK(webhook.disabled_reason == WebhookDisabled::failing);
  CHECK(webhook.disabled_at == again + webhook_failing_ms);
  CHECK(!note_attempt(webhook, url, 503, again + 9 * day_ms));
  webhook.enable();
  CHECK(webhook.status == WebhookStatus::active);
  CHECK(!webhook.failing_since);
  CHECK(!webhook.disabled_reason);
  CHECK(!note_attempt(webhook, url, 503, again + 10 * day_ms));
}

TEST_CASE("webhook: 410 disables it at once, unless its address was changed since") {
  Webhook webhook = sample();
  const UtcTime now = UtcTime::from_ms(1'700'000'000'000);
  CHECK(!note_attempt(webhook, "https://example.com/old", 410, now));
  CHECK(webhook.status == WebhookStatus::active);
  CHECK(!webhook.failing_since);
  CHECK(note_attempt(webhook, webhook.url, 410, now));
  CHECK(webhook.disabled_reason == WebhookDisabled::gone);
}

TEST_CASE("webhook: a row from before reasons were kept is read, and failures and reasons are read back") {
  // Version 2 ends with three absent values of a byte each; version 1 has none of them.
  std::string old = encode(sample());
  old[0] = 1;
  old.resize(old.size() - 3);
  const auto first = decode_webhook(old);
  REQUIRE(first.has_value());
  CHECK(first->secrets.current == "whsec_b");
  CHECK(!first->disabled_reason);

  Webhook webhook = sample();
  webhook.failing_since = UtcTime::from_ms(7);
  webhook.disable(WebhookDisabled::gone, UtcTime::from_ms(9));
  const auto read = decode_webhook(encode(webhook));
  REQUIRE(read.has_value());
  CHECK(read->failing_since == UtcTime::from_ms(7));
  CHECK(read->disabled_reason == WebhookDisabled::gone);
  CHECK(read->disabled_at == UtcTime::from_ms(9));
  CHECK(to_string(WebhookDisabled::failing) == "failing");
}

}  // namespace webhook_test

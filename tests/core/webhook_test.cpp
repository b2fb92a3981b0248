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

}  // namespace webhook_test

#include "core/event.h"

#include <doctest/doctest.h>

#include <functional>

namespace event_test {

using namespace tally;

namespace {

const UtcTime now = UtcTime::parse("2026-02-03T12:00:00Z").value();

UsageEvent good_event() {
  UsageEvent event;
  event.id = "e1";
  event.source = "gateway-1";
  event.account = AccountId("acme");
  event.endpoint = "people/search";
  event.time = now;
  event.options = {{"verified_email", 2}, {"phone", 0}};
  event.key = "key_1";
  event.details = R"({"a":"b"})";
  return event;
}

// The rule that refuses the good event after `change`; empty when it is still good.
std::string rule_after(const std::function<void(UsageEvent&)>& change) {
  UsageEvent event = good_event();
  change(event);
  const Result<void> result = validate(event, now);
  if (result) return "";
  CHECK(result.error().code == Errc::invalid_argument);
  CHECK_FALSE(result.error().detail.empty());
  return result.error().rule;
}

}  // namespace

TEST_CASE("event: a good event passes, with only what it needs as well") {
  CHECK(rule_after([](UsageEvent&) {}) == "");
  UsageEvent bare;
  bare.id = "1";
  bare.account = AccountId("a");
  bare.endpoint = "/";
  CHECK(validate(bare, now));
}

TEST_CASE("event: texts are printable and bounded, each with its own rule") {
  CHECK(rule_after([](UsageEvent& e) { e.id = ""; }) == "missing_id");
  CHECK(rule_after([](UsageEvent& e) { e.id = std::string(255, 'x'); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.id = std::string(256, 'x'); }) == "invalid_id");
  CHECK(rule_after([](UsageEvent& e) { e.source = ""; }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.source = std::string(256, 'x'); }) == "invalid_source");
  CHECK(rule_after([](UsageEvent& e) { e.endpoint = ""; }) == "missing_endpoint");
  CHECK(rule_after([](UsageEvent& e) { e.endpoint = std::string(255, '/'); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.endpoint = std::string(256, '/'); }) == "invalid_endpoint");
  CHECK(rule_after([](UsageEvent& e) { e.key = std::string(63, 'k'); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.key = std::string(64, 'k'); }) == "invalid_key");
  CHECK(rule_after([](UsageEvent& e) { e.details = std::string(4096, ' '); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.details = std::string(4097, ' '); }) == "details_too_large");
  for (const char c : {'\0', '\n', '\x1f', '\x7f'}) {
    const std::string bad = std::string("a") + c;
    CHECK(rule_after([&](UsageEvent& e) { e.id = bad; }) == "invalid_id");
    CHECK(rule_after([&](UsageEvent& e) { e.source = bad; }) == "invalid_source");
    CHECK(rule_after([&](UsageEvent& e) { e.endpoint = bad; }) == "invalid_endpoint");
    CHECK(rule_after([&](UsageEvent& e) { e.key = bad; }) == "invalid_key");
    CHECK(rule_after([&](UsageEvent& e) { e.options[0].first = bad; }) == "invalid_options");
  }
  CHECK(rule_after([](UsageEvent& e) { e.id = "\xc3\xa4 ~"; }) == "");
}

TEST_CASE("event: the account is an account id") {
  CHECK(rule_after([](UsageEvent& e) { e.account = AccountId(); }) == "invalid_account");
  CHECK(rule_after([](UsageEvent& e) { e.account = AccountId("Acme"); }) == "invalid_account");
}

TEST_CASE("event: the time is at most five minutes ahead") {
  CHECK(rule_after([](UsageEvent& e) { e.time = now + 5 * minute_ms; }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.time = now + 5 * minute_ms + 1; }) == "invalid_time");
  CHECK(rule_after([](UsageEvent& e) { e.time = UtcTime(); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.time = UtcTime::from_ms(-1); }) == "invalid_time");
  CHECK(rule_after([](UsageEvent& e) { e.time = UtcTime::from_ms(INT64_MAX); }) == "invalid_time");
}

TEST_CASE("event: counts and credits are not negative and bounded") {
  CHECK(rule_after([](UsageEvent& e) { e.results = 0; }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.results = 1'000'000'000; }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.results = 1'000'000'001; }) == "invalid_results");
  CHECK(rule_after([](UsageEvent& e) { e.results = -1; }) == "invalid_results");
  CHECK(rule_after([](UsageEvent& e) { e.credits = Credits(); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.credits = Credits::from_micros(INT64_MAX); }) == "");
  CHECK(rule_after([](UsageEvent& e) { e.credits = Credits::from_micros(-1); }) == "invalid_credits");
}

TEST_CASE("event: options are at most sixteen different names with counts") {
  const auto with_options = [](int count) {
    return [count](UsageEvent& e) {
      e.options.clear();
      for (int i = 0; i < count; ++i) e.options.emplace_back("o" + std::to_string(i), i);
    };
  };
  CHECK(rule_after(with_options(16)) == "");
  CHECK(rule_after(with_options(17)) == "invalid_options");
  CHECK(rule_after([](UsageEvent& e) { e.options[1].first = e.options[0].first; }) == "invalid_options");
  CHECK(rule_after([](UsageEvent& e) { e.options[0].first = ""; }) == "invalid_options");
  CHECK(rule_after([](UsageEvent& e) { e.options[0].first = std::string(256, 'o'); }) == "invalid_options");
  CHECK(rule_after([](UsageEvent& e) { e.options[0].second = -1; }) == "invalid_options");
  CHECK(rule_after([](UsageEvent& e) { e.options[0].second = 1'000'000'001; }) == "invalid_options");
}

}  // namespace event_test

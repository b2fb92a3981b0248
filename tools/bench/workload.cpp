#include "tools/bench/workload.h"

#include <algorithm>
#include <cstdio>

namespace tally::tools::bench {

namespace {

std::string event_id(std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "evt_%016llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

Workload::Workload(std::int32_t first_day, std::uint64_t events, std::uint64_t first_number)
    : dice_(first_number + 1), begin_(start_of_day(first_day)), events_(events), first_number_(first_number) {}

EventFacts Workload::next() {
  constexpr double span_ms = static_cast<double>(workload_days) * static_cast<double>(day_ms);
  EventFacts facts;
  facts.number = first_number_ + made_;
  const double by_account = dice_.unit();
  const double by_endpoint = dice_.unit();
  facts.account = static_cast<std::uint32_t>(workload_accounts * by_account * by_account);
  facts.endpoint = static_cast<std::uint32_t>(workload_endpoints * by_endpoint * by_endpoint);
  const double at_ms =
      span_ms * static_cast<double>(made_) / static_cast<double>(events_) + dice_.unit() * static_cast<double>(hour_ms);
  facts.time = begin_ + std::min(static_cast<std::int64_t>(at_ms), static_cast<std::int64_t>(span_ms) - 1);
  facts.results = dice_.below(20);
  ++made_;
  return facts;
}

std::int32_t workload_first_day(const Clock& clock) {
  return day_of(clock.now()) - workload_days;
}

TimeRange workload_range(std::int32_t first_day) {
  return {start_of_day(first_day), start_of_day(first_day + workload_days)};
}

TimeRange workload_month(std::int32_t first_day) {
  // 90 days hold a whole month wherever they begin.
  const std::int32_t last = month_of(start_of_day(first_day + workload_days));
  return {start_of_month(last - 1), start_of_month(last)};
}

std::string account_name(std::uint32_t account) {
  char text[32];
  std::snprintf(text, sizeof text, "account-%04u", account);
  return text;
}

std::string endpoint_name(std::uint32_t endpoint) {
  char text[32];
  std::snprintf(text, sizeof text, "people/search-%02u", endpoint);
  return text;
}

std::string endpoint_category(std::uint32_t endpoint) {
  return endpoint % 2 == 0 ? "search" : "enrichment";
}

UsageEvent usage_event(const EventFacts& facts) {
  UsageEvent event;
  event.id = event_id(facts.number);
  event.source = "gateway-1";
  event.account = AccountId(account_name(facts.account));
  event.endpoint = endpoint_name(facts.endpoint);
  event.time = facts.time;
  event.results = facts.results;
  return event;
}

void append_event_json(std::string& out, const EventFacts& facts) {
  out.append(R"({"id":")").append(event_id(facts.number)).append(R"(","source":"gateway-1","account":")");
  out.append(account_name(facts.account)).append(R"(","endpoint":")").append(endpoint_name(facts.endpoint));
  out.append(R"(","time":")").append(facts.time.to_string()).append(R"(","ok":true,"results":)");
  out.append(std::to_string(facts.results)).append("}");
}

}  // namespace tally::tools::bench

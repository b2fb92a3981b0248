// Whatever the bytes: no crash, the same answer twice, every event has its place, and what is kept is valid JSON.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/event_parser.h"
#include "http/json.h"

namespace {

using tally::http::EventFormat;

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(const tally::UsageEvent& a, const tally::UsageEvent& b) {
  return a.id == b.id && a.source == b.source && a.account == b.account && a.endpoint == b.endpoint &&
         a.time == b.time && a.ok == b.ok && a.results == b.results && a.credits == b.credits &&
         a.options == b.options && a.key == b.key && a.details == b.details;
}

void check_places(const tally::http::ParsedEvents& parsed) {
  require(parsed.events.size() == parsed.indexes.size());
  require(!parsed.single || parsed.events.size() + parsed.errors.size() == 1);
  for (std::size_t i = 1; i < parsed.indexes.size(); ++i) require(parsed.indexes[i - 1] < parsed.indexes[i]);
  for (std::size_t i = 1; i < parsed.errors.size(); ++i) require(parsed.errors[i - 1].index < parsed.errors[i].index);
  std::size_t next = 0;
  for (const auto& error : parsed.errors) {
    require(!error.code.empty() && !error.message.empty());
    while (next < parsed.indexes.size() && parsed.indexes[next] < error.index) ++next;
    require(next == parsed.indexes.size() || parsed.indexes[next] != error.index);
  }
}

void check(EventFormat format, const std::string& body) {
  const auto now = tally::UtcTime::from_ms(1'770'000'000'000);
  const auto parsed = tally::http::parse_events(format, body, now);
  const auto again = tally::http::parse_events(format, body, now);
  require(parsed.has_value() == again.has_value());
  if (!parsed) {
    require(parsed.error().rule == again.error().rule && !parsed.error().rule.empty());
    return;
  }
  check_places(*parsed);
  require(parsed->events.size() == again->events.size() && parsed->errors.size() == again->errors.size());
  for (std::size_t i = 0; i < parsed->events.size(); ++i) {
    require(same(parsed->events[i], again->events[i]));
    const std::string& details = parsed->events[i].details;
    if (details.empty()) continue;
    const auto tree = tally::http::parse_json(details);
    require(tree.has_value() && tree->kind == tally::http::JsonValue::Kind::object);
  }
  // A single event that is read is an object that the tree parser takes too.
  if (format == EventFormat::json && parsed->single && parsed->errors.empty())
    require(tally::http::parse_json(body).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const EventFormat format :
       {EventFormat::json, EventFormat::ndjson, EventFormat::cloud_event, EventFormat::cloud_event_batch})
    check(format, body);
  static_cast<void>(tally::http::parse_json(body));
  return 0;
}

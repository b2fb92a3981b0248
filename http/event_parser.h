// Usage events from a request body: the fast path. Contract section 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/result.h"
#include "core/time.h"

namespace tally::http {

enum class EventFormat : std::uint8_t {
  json,               // application/json: one event or an array of them
  ndjson,             // application/x-ndjson: one event a line
  cloud_event,        // application/cloudevents+json
  cloud_event_batch,  // application/cloudevents-batch+json: an array
};

// The format that a Content-Type names, parameters aside; nothing (415) for any other, and for a charset other than
// UTF-8.
std::optional<EventFormat> event_format(std::string_view content_type);

struct EventError {
  std::uint32_t index = 0;  // of the event in its array, or of the line; from 0, blank lines count
  std::string code;
  std::string message;
};

struct ParsedEvents {
  std::vector<UsageEvent> events;      // those that could be read, in order
  std::vector<std::uint32_t> indexes;  // parallel to events
  std::vector<EventError> errors;      // the others, in order
  bool single = false;                 // the body was one event, no list: an error of its is the answer (422)
};

// More in one body is refused; at the 200 bytes of a typical event it is out of reach of the body limit.
inline constexpr std::size_t events_per_body_max = 200'000;

// Reads what is there; the rules for values are core's validate(), which the caller applies. A missing `time` becomes
// `now`, missing `results` 1 if ok, else 0.
//
// An event is refused by itself with the code `unknown_field`, `duplicate_key`, `invalid_event` (no object),
// `invalid_<field>` (wrong type or form; null is a wrong type), `invalid_specversion` or `missing_source`
// (CloudEvents), and a line of NDJSON also with `malformed_json`. The first thing wrong with it is told.
//
// Of a CloudEvent, `subject` is the account, `type` the endpoint, `data` the rest; `datacontenttype` must be JSON if it
// is there, `dataschema` and extension attributes are accepted and dropped.
//
// Errc::invalid_argument, rule `malformed_json`: the body cannot be read (not JSON, invalid UTF-8, nested deeper than
// 32, empty), and nothing of it counts. Errc::too_large, rule `too_many_events`.
Result<ParsedEvents> parse_events(EventFormat format, std::string body, UtcTime now);

}  // namespace tally::http

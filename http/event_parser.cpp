#include "http/event_parser.h"

#include <algorithm>

#include "http/event_handler.h"
#include "http/header_check.h"
#include "http/json_sax.h"

namespace tally::http {
namespace {

bool utf8_parameters(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    const std::size_t end = parameters.find(';');
    const std::string_view parameter = trim(parameters.substr(0, end));
    parameters.remove_prefix(end == std::string_view::npos ? parameters.size() : end + 1);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(parameter.substr(0, equals), "charset")) continue;
    const std::string_view charset = parameter.substr(equals + 1);
    if (!equals_ignoring_case(charset, "utf-8") && !equals_ignoring_case(charset, "\"utf-8\"")) return false;
  }
  return true;
}

// RapidJSON takes a NUL for the end of the text, and would not see what follows it.
bool has_nul(std::string_view text) noexcept {
  return text.find('\0') != std::string_view::npos;
}

Error malformed(std::string detail) {
  return fail(Errc::invalid_argument, std::move(detail), "malformed_json");
}

// Room for a list of typical events; a body of many smaller ones grows from there.
void reserve(ParsedEvents& out, std::size_t body_bytes) {
  constexpr std::size_t event_bytes_typical = 200;
  out.events.reserve(body_bytes / event_bytes_typical + 1);
  out.indexes.reserve(body_bytes / event_bytes_typical + 1);
}

Result<ParsedEvents> parse_lines(std::string& body, UtcTime now) {
  ParsedEvents out;
  reserve(out, body.size());
  EventHandler handler(EventFormat::ndjson, now, out);
  rapidjson::Reader reader;
  std::uint32_t index = 0;
  std::size_t texts = 0;
  for (std::size_t begin = 0; begin < body.size(); ++index) {
    const std::size_t end = std::min(body.find('\n', begin), body.size());
    const std::string_view line(body.data() + begin, end - begin);
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    if (!blank && ++texts > events_per_body_max)
      return fail(Errc::too_large, "more than " + std::to_string(events_per_body_max) + " lines in one body",
                  "too_many_events");
    if (!blank && has_nul(line)) {
      out.errors.push_back({index, "malformed_json", "a NUL byte in the line"});
    } else if (!blank) {
      body[end] = '\0';  // past the last byte of a std::string this writes the NUL that is there
      handler.begin_text(index, EventHandler::Shape::event);
      const rapidjson::ParseResult result = parse_in_place(reader, body.data() + begin, line.size(), handler);
      if (result.IsError()) {
        handler.abandon();
        out.errors.push_back({index, "malformed_json", describe(result)});
      }
    }
    begin = end + 1;
  }
  return out;
}

Result<ParsedEvents> parse_text(EventFormat format, std::string& body, UtcTime now) {
  if (has_nul(body)) return malformed("a NUL byte in the body");
  ParsedEvents out;
  reserve(out, body.size());
  EventHandler handler(format, now, out);
  handler.begin_text(0, format == EventFormat::json                ? EventHandler::Shape::either
                        : format == EventFormat::cloud_event_batch ? EventHandler::Shape::list
                                                                   : EventHandler::Shape::event);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = parse_in_place(reader, body.data(), body.size(), handler);
  if (handler.error()) return *handler.error();
  if (result.IsError()) return malformed(describe(result));
  out.single = !handler.was_list();
  return out;
}

}  // namespace

std::optional<EventFormat> event_format(std::string_view content_type) {
  const std::size_t semicolon = content_type.find(';');
  const std::string_view type = trim(content_type.substr(0, semicolon));
  if (semicolon != std::string_view::npos && !utf8_parameters(content_type.substr(semicolon + 1))) return std::nullopt;
  if (equals_ignoring_case(type, "application/json")) return EventFormat::json;
  if (equals_ignoring_case(type, "application/x-ndjson")) return EventFormat::ndjson;
  if (equals_ignoring_case(type, "application/cloudevents+json")) return EventFormat::cloud_event;
  if (equals_ignoring_case(type, "application/cloudevents-batch+json")) return EventFormat::cloud_event_batch;
  return std::nullopt;
}

Result<ParsedEvents> parse_events(EventFormat format, std::string body, UtcTime now) {
  return format == EventFormat::ndjson ? parse_lines(body, now) : parse_text(format, body, now);
}

}  // namespace tally::http

// How this project runs RapidJSON: for http/json.cpp and http/event_parser.cpp only.
#pragma once

#include <rapidjson/reader.h>

#include <string>
#include <string_view>

#include "http/utf8.h"

namespace tally::http {

// In place, because RapidJSON 1.1 drops exponents from numbers kept as text otherwise; iterative, so that depth costs
// no stack. Its own check of the encoding (kParseValidateEncodingFlag) stays off: at a sequence cut by the end of the
// text it reads and, in place, writes past that end.
inline constexpr unsigned json_flags =
    rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

// RapidJSON 1.1 decodes a lone low surrogate (`\udc00`) into bytes that are no UTF-8: 0xed followed by 0xa0 or more.
inline bool has_surrogate(std::string_view decoded) noexcept {
  for (std::size_t at = decoded.find('\xed'); at != std::string_view::npos; at = decoded.find('\xed', at + 1))
    if (at + 1 < decoded.size() && static_cast<unsigned char>(decoded[at + 1]) >= 0xa0) return true;
  return false;
}

// Parses the `size` bytes at `text` in place; a NUL must follow them, and none be among them. Invalid UTF-8 is an
// error, told before anything is parsed.
template <class Handler>
rapidjson::ParseResult parse_in_place(rapidjson::Reader& reader, char* text, std::size_t size, Handler& handler) {
  const std::size_t valid = valid_utf8_prefix({text, size});
  if (valid < size) return rapidjson::ParseResult(rapidjson::kParseErrorStringInvalidEncoding, valid);
  rapidjson::InsituStringStream stream(text);
  return reader.Parse<json_flags>(stream, handler);
}

inline std::string describe(const rapidjson::ParseResult& result) {
  return "not valid JSON at byte " + std::to_string(result.Offset());
}

}  // namespace tally::http

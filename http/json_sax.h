// How this project runs RapidJSON: for http/json.cpp and http/event_parser.cpp only.
#pragma once

#include <rapidjson/reader.h>

#include <string>
#include <string_view>

#include "core/result.h"

namespace tally::http {

// In place, because RapidJSON 1.1 drops exponents from numbers kept as text otherwise; iterative, so that depth costs
// no stack.
inline constexpr unsigned json_flags = rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag |
                                       rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

// RapidJSON 1.1 decodes a lone low surrogate (`\udc00`) into bytes that are no UTF-8: 0xed followed by 0xa0 or more.
inline bool has_surrogate(std::string_view decoded) noexcept {
  for (std::size_t at = decoded.find('\xed'); at != std::string_view::npos; at = decoded.find('\xed', at + 1))
    if (at + 1 < decoded.size() && static_cast<unsigned char>(decoded[at + 1]) >= 0xa0) return true;
  return false;
}

inline std::string describe(const rapidjson::ParseResult& result) {
  return "not valid JSON at byte " + std::to_string(result.Offset());
}

}  // namespace tally::http

// How this project runs RapidJSON: for http/json.cpp and http/event_parser.cpp only.
#pragma once

#include <rapidjson/reader.h>

#include <cstdint>
#include <cstring>
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

inline bool all_ascii(std::string_view text) noexcept {
  std::uint64_t high_bits = 0;
  for (; text.size() >= sizeof(high_bits); text.remove_prefix(sizeof(high_bits))) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof(word));
    high_bits |= word;
  }
  for (const char c : text) high_bits |= static_cast<unsigned char>(c);
  return (high_bits & 0x8080808080808080u) == 0;
}

// Parses the NUL-terminated text at `text`, `size` bytes, in place. RapidJSON validates UTF-8 byte by byte, a quarter
// of its time; ASCII, told eight bytes at a time, is valid as it is.
template <class Handler>
rapidjson::ParseResult parse_in_place(rapidjson::Reader& reader, char* text, std::size_t size, Handler& handler) {
  rapidjson::InsituStringStream stream(text);
  if (all_ascii({text, size}))
    return reader.Parse<json_flags & ~unsigned{rapidjson::kParseValidateEncodingFlag}>(stream, handler);
  return reader.Parse<json_flags>(stream, handler);
}

inline std::string describe(const rapidjson::ParseResult& result) {
  return "not valid JSON at byte " + std::to_string(result.Offset());
}

}  // namespace tally::http

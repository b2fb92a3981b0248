#include "http/xml_text.h"

#include <algorithm>

#include "http/utf8.h"

namespace tally::http {

namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";

// XML 1.0 has no control characters but tab, line feed and carriage return, and neither U+FFFE nor U+FFFF.
bool is_xml_character(std::string_view utf8) noexcept {
  if (utf8.size() == 1) return static_cast<unsigned char>(utf8[0]) >= 0x20 || utf8.find_first_of("\t\n\r") == 0;
  return utf8 != "\xef\xbf\xbe" && utf8 != "\xef\xbf\xbf";
}

bool is_plain(char c) noexcept {
  return c >= 0x20 && c < 0x7f && c != '&' && c != '<' && c != '>';
}

}  // namespace

std::string xml_characters(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const bool ascii = static_cast<unsigned char>(text.front()) < 0x80;
    const std::size_t length = ascii ? 1 : utf8_length(text);
    const std::string_view character = text.substr(0, length);
    clean += length > 0 && is_xml_character(character) ? character : replacement_character;
    text.remove_prefix(length > 0 ? length : 1);
  }
  return clean;
}

void append_xml_text(std::string& out, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    out += text;
    return;
  }
  for (const char c : xml_characters(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '\r') {
      out += "&#13;";
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace tally::http

// Text in an XML document.
#pragma once

#include <string>
#include <string_view>

namespace tally::http {

// `text` with U+FFFD for what is no UTF-8 and for what is no character of XML 1.0.
std::string xml_characters(std::string_view text);

// Appends `text` as the content of an element: xml_characters, escaped. A carriage return is written as a reference, as
// a parser would make it a line feed.
void append_xml_text(std::string& out, std::string_view text);

}  // namespace tally::http

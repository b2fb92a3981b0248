// Text in a CSV field.
#pragma once

#include <string>
#include <string_view>

namespace tally::http {

// Appends `text` as a field of RFC 4180: quoted where it needs to be. One that a spreadsheet would take for a formula
// (it begins with = + - @ tab or CR) gets an apostrophe in front.
void append_csv_text(std::string& out, std::string_view text);

}  // namespace tally::http

#include "http/csv_text.h"

#include <algorithm>

namespace tally::http {

void append_csv_text(std::string& out, std::string_view text) {
  if (text.empty()) return;
  const bool formula = std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  const bool quoted =
      std::any_of(text.begin(), text.end(), [](char c) { return c == '"' || c == ',' || c == '\r' || c == '\n'; });
  if (!quoted) {
    if (formula) out.push_back('\'');
    out += text;
    return;
  }
  out.push_back('"');
  if (formula) out.push_back('\'');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace tally::http

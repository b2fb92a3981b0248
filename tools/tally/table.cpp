#include "tools/tally/table.h"

#include <algorithm>
#include <cassert>

namespace tally::tools {
namespace {

constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::string_view gap = "  ";

// Code points: near enough to columns for the names that reports hold.
std::size_t width(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// Bytes of the fraction, its point included.
std::size_t fraction_width(std::string_view number) noexcept {
  const std::size_t point = number.find('.');
  return point == std::string_view::npos ? 0 : number.size() - point;
}

std::string padded(const std::string& text, std::size_t columns, Align align) {
  const std::string blanks(columns - std::min(columns, width(text)), ' ');
  return align == Align::left ? text + blanks : blanks + text;
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back({std::move(cells), false});
}

void Table::add_total(std::vector<std::string> cells) {
  add(std::move(cells));
  rows_.back().total = true;
}

std::string Table::to_text(bool color) const {
  std::vector<Row> rows = rows_;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t fraction = 0;
    for (const Row& row : rows) fraction = std::max(fraction, fraction_width(row.cells[i]));
    std::size_t widest = width(columns_[i].title);
    for (Row& row : rows) {
      if (columns_[i].align == Align::decimal) row.cells[i].append(fraction - fraction_width(row.cells[i]), ' ');
      widest = std::max(widest, width(row.cells[i]));
    }
    widths.push_back(widest);
  }
  const auto line_of = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += (i == 0 ? "" : std::string(gap)) + padded(cells[i], widths[i], columns_[i].align);
    }
    return without_trailing_blanks(std::move(line));
  };
  std::vector<std::string> titles;
  std::size_t total_width = gap.size() * (columns_.size() - 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    total_width += widths[i];
  }
  const auto strong = [color](const std::string& line) {
    return color ? std::string(bold) + line + std::string(plain) : line;
  };
  std::string out = strong(line_of(titles)) + "\n";
  for (const Row& row : rows) {
    if (row.total) out += std::string(total_width, '-') + "\n";
    out += (row.total ? strong(line_of(row.cells)) : line_of(row.cells)) + "\n";
  }
  return out;
}

std::string printable(std::string_view text, bool keep_lines) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (keep_lines && (byte == '\n' || byte == '\t')) continue;
    if (byte < 0x20 || byte == 0x7f) out[i] = '?';
    // U+0080 to U+009F are control characters too, two bytes long in UTF-8.
    if (byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0) out[i] = out[i + 1] = '?';
  }
  return out;
}

}  // namespace tally::tools

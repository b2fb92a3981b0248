// A report as a table, whatever its format: columns of a kind, and rows of cells. What a row says is told once, here;
// how it is spelled is the encoders' (http/report_format.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/credits.h"
#include "core/report_task.h"
#include "core/time.h"

namespace tally::http {

// A value. Its text is a view: it lives as long as what it was made from.
struct Cell {
  enum class Kind : std::uint8_t { none, text, integer, credits, time, json };
  Kind kind = Kind::none;
  std::int64_t number = 0;  // an integer, micros or milliseconds
  std::string_view text;    // a text, or a complete JSON value

  static Cell nothing() noexcept { return {}; }
  static Cell of(std::string_view text) noexcept { return {Kind::text, 0, text}; }
  static Cell of(std::int64_t number) noexcept { return {Kind::integer, number, {}}; }
  static Cell of(Credits credits) noexcept { return {Kind::credits, credits.micros(), {}}; }
  static Cell of(UtcTime time) noexcept { return {Kind::time, time.ms(), {}}; }
  static Cell json(std::string_view value) noexcept { return {Kind::json, 0, value}; }
};

// Formats that know objects (JSON and NDJSON) show some things as one, the others as columns.
enum class ShownIn : std::uint8_t { all, objects, columns };

struct Column {
  std::string_view name;
  ShownIn shown_in = ShownIn::all;
};

// Of a report type. A row may have items: a list in the formats that nest, in CSV a line for each of them (or one line
// without any).
struct TableShape {
  std::vector<Column> columns;
  std::string_view items_name;  // empty: rows have none
  std::vector<Column> item_columns;
};

// `by_operator`: over many accounts, so rows name theirs.
TableShape shape_of(const ReportTask& task, bool by_operator);

struct TableRow {
  std::vector<Cell> cells;  // one per column
  std::vector<Cell> items;  // one per item column, item after item
  void clear() {
    cells.clear();
    items.clear();
  }
};

}  // namespace tally::http

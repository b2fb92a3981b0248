// Text tables for people: columns aligned, numbers to the right and on their decimal point.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tally::tools {

enum class Align { left, right, decimal };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);
  // As many cells as there are columns. Control characters are shown as '?', so that no stored text can drive the
  // terminal.
  void add(std::vector<std::string> cells);
  // A row that a rule sets apart from those above: the totals.
  void add_total(std::vector<std::string> cells);
  bool empty() const noexcept { return rows_.empty(); }
  std::string to_text(bool color) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    bool total = false;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

// `text` with every control character shown as '?'; line feeds stay if `keep_lines`.
std::string printable(std::string_view text, bool keep_lines = false);

}  // namespace tally::tools

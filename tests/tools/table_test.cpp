#include "tools/tally/table.h"

#include <doctest/doctest.h>

namespace table_test {

using namespace tally::tools;

TEST_CASE("table: columns align, numbers to the right and on their point, totals below a rule") {
  Table table({{"period"}, {"requests", Align::right}, {"credits", Align::decimal}});
  table.add({"2026-02-01", "12", "142.5"});
  table.add({"2026-02-02", "3", "68"});
  table.add_total({"total", "15", "210.5"});
  CHECK(table.to_text(false) ==
        "period      requests  credits\n"
        "2026-02-01        12    142.5\n"
        "2026-02-02         3     68\n"
        "-----------------------------\n"
        "total             15    210.5\n");
}

TEST_CASE("table: a wide cell widens its column, and letters count, not bytes") {
  Table table({{"a"}, {"b"}});
  table.add({"caf\xc3\xa9", "x"});
  table.add({"tea", "y"});
  CHECK(table.to_text(false) == "a     b\ncaf\xc3\xa9  x\ntea   y\n");
}

TEST_CASE("table: only with colour there are escape sequences, and stored text never brings its own") {
  Table table({{"a"}});
  table.add({"\x1b[31mred\n\xc2\x9b"});
  CHECK(table.to_text(false) == "a\n?[31mred???\n");
  CHECK(table.to_text(true).starts_with("\x1b[1ma"));
}

TEST_CASE("printable: line feeds stay where lines are kept") {
  CHECK(printable("a\nb\tc\r") == "a?b?c?");
  CHECK(printable("a\nb\tc\r", true) == "a\nb\tc?");
}

}  // namespace table_test

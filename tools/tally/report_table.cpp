#include "tools/tally/report_table.h"

#include <array>
#include <initializer_list>
#include <vector>

namespace tally::tools {
namespace {

struct ReportColumn {
  const char* name;
  Align align = Align::left;
};

// Names that stand in the rows of some reports only.
constexpr std::array<const char*, 3> group_names = {"endpoint", "category", "key"};

std::vector<ReportColumn> columns_of(const Json& result) {
  const Json first = result["rows"].item(0);
  const std::string type = result["type"].text();
  std::vector<ReportColumn> columns;
  if (!result["account"].exists()) columns.push_back({"account"});
  const auto amounts = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) columns.push_back({name, Align::decimal});
  };
  if (type == "statement") {
    amounts({"opening", "granted", "consumed", "expired", "adjusted", "closing", "debt"});
  } else if (type == "what_if") {
    columns.push_back({"endpoint"});
    amounts({"old", "new", "difference"});
  } else if (type == "ledger") {
    for (const char* name : {"created_at", "id", "type"}) columns.push_back({name});
    amounts({"amount", "balance_after"});
    for (const char* name : {"endpoint", "reference"}) columns.push_back({name});
  } else {
    columns.push_back({"period"});
    for (const char* name : group_names) {
      if (first[name].exists()) columns.push_back({name});
    }
    for (const char* name : {"requests", "ok", "failed", "results"}) columns.push_back({name, Align::right});
    amounts({"credits"});
  }
  return columns;
}

}  // namespace

std::string period_name(std::string_view start, std::string_view granularity) {
  if (granularity == "total") return "total";
  if (granularity == "hour" && start.size() >= 16)
    return std::string(start.substr(0, 10)) + " " + std::string(start.substr(11, 5));
  return std::string(start.substr(0, granularity == "year" ? 4 : granularity == "month" ? 7 : 10));
}

Table report_table(const Json& result) {
  const std::vector<ReportColumn> columns = columns_of(result);
  const std::string granularity = result["granularity"].text();
  std::vector<Column> titles;
  for (const ReportColumn& column : columns) titles.push_back({column.name, column.align});
  Table table(titles);
  const Json rows = result["rows"];
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::string> cells;
    for (const ReportColumn& column : columns) {
      const std::string value = rows.item(i)[column.name].text();
      if (std::string_view(column.name) == "period")
        cells.push_back(period_name(value, granularity));
      else
        cells.push_back(value.empty() ? "-" : value);
    }
    table.add(std::move(cells));
  }
  std::vector<std::string> totals;
  for (const ReportColumn& column : columns)
    totals.push_back(column.align == Align::left ? "" : result["totals"][column.name].text());
  totals.front() = "total";
  table.add_total(std::move(totals));
  return table;
}

}  // namespace tally::tools

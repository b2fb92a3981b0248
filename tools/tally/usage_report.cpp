#include "tools/tally/usage_report.h"

#include <array>

namespace tally::tools {
namespace {

constexpr std::array<const char*, 3> group_names = {"endpoint", "category", "key"};
constexpr std::array<const char*, 4> counters = {"requests", "ok", "failed", "results"};

std::vector<std::string> figures(const Json& row) {
  std::vector<std::string> cells;
  for (const char* name : counters) cells.push_back(row[name].text());
  cells.push_back(row["credits"].text());
  return cells;
}

}  // namespace

std::string period_name(std::string_view start, std::string_view granularity) {
  if (granularity == "total") return "total";
  if (granularity == "hour" && start.size() >= 16)
    return std::string(start.substr(0, 10)) + " " + std::string(start.substr(11, 5));
  return std::string(start.substr(0, granularity == "year" ? 4 : granularity == "month" ? 7 : 10));
}

Table usage_table(const Json& result) {
  const Json rows = result["rows"];
  const std::string granularity = result["granularity"].text();
  std::vector<const char*> groups;
  for (const char* name : group_names) {
    if (rows.item(0)[name].exists()) groups.push_back(name);
  }
  std::vector<Column> columns = {{"period"}};
  for (const char* name : groups) columns.push_back({name});
  for (const char* name : counters) columns.push_back({name, Align::right});
  columns.push_back({"credits", Align::decimal});
  Table table(columns);
  const auto add = [&](std::vector<std::string> cells, const Json& row) {
    for (std::string& cell : figures(row)) cells.push_back(std::move(cell));
    return cells;
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Json row = rows.item(i);
    std::vector<std::string> cells = {period_name(row["period"].text(), granularity)};
    for (const char* name : groups) {
      const std::string value = row[name].text();
      cells.push_back(value.empty() ? "-" : value);
    }
    table.add(add(std::move(cells), row));
  }
  std::vector<std::string> cells = {"total"};
  cells.resize(1 + groups.size());
  table.add_total(add(std::move(cells), result["totals"]));
  return table;
}

}  // namespace tally::tools

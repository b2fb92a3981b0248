// Usage reports as a table. Pure.
#pragma once

#include <string>
#include <string_view>

#include "tools/tally/json.h"
#include "tools/tally/table.h"

namespace tally::tools {

// A period's start as people write it: "2026-02-03 04:00", "2026-02-03", "2026-02", "2026", and for a total report
// "total".
std::string period_name(std::string_view start, std::string_view granularity);

// One line a row of the report's result, with a column for each grouped name, and the totals.
Table usage_table(const Json& result);

}  // namespace tally::tools

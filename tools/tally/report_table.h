// Results of reports as tables. Pure.
#pragma once

#include <string>
#include <string_view>

#include "tools/tally/json.h"
#include "tools/tally/table.h"

namespace tally::tools {

// A period's start as people write it: "2026-02-03 04:00", "2026-02-03", "2026-02", "2026", and for a total report
// "total".
std::string period_name(std::string_view start, std::string_view granularity);

// One line a row of the result, and the totals: of a usage report with a column for each grouped name, of a statement
// without what it says by endpoint, of a ledger with what moves money. A report over many accounts names them.
Table report_table(const Json& result);

}  // namespace tally::tools

// How far a report over many accounts is: what a restarted server needs to go on, and the totals so far.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "core/rollup.h"
#include "core/statement.h"

namespace tally {

struct ReportTotals {
  std::uint64_t accounts = 0;  // that were looked at
  std::uint64_t rows = 0;
  Counters usage;         // usage, and what a statement lists by endpoint
  LedgerFigures figures;  // ledger: opening and closing alone
  Credits old_cost;       // what_if
  Credits new_cost;
  Credits difference;
  std::uint64_t accounts_more = 0;  // that would pay more
  std::uint64_t accounts_less = 0;
};

struct ReportProgress {
  std::uint64_t as_of = 0;
  std::uint64_t price_version = 0;
  AccountId done;           // every account up to it is finished; empty: none
  std::uint64_t entry = 0;  // of the next one's ledger everything before this entry is written; 0: nothing
  ReportTotals totals;
};

std::string encode(const ReportProgress& progress);
Result<ReportProgress> decode_report_progress(std::string_view bytes);

}  // namespace tally

// A report job from its task to its stored result: account after account, in memory that does not grow with them.
#pragma once

#include <string>

#include "core/job.h"
#include "http/report_format.h"
#include "http/report_reuse.h"
#include "http/report_rows.h"
#include "queue/runner.h"

namespace tally::http {

struct ReportLimits {
  std::uint64_t result_bytes_max = 64ull << 20;           // of a customer's report
  std::uint64_t operator_result_bytes_max = 16ull << 30;  // of one over many accounts
};

// What a document says of itself before and behind its rows; `account` is null over many accounts.
Members facts_of(const ReportTask& task, const AccountId* account, const ReportProgress& progress);
Members totals_of(const ReportTask& task, const ReportTotals& totals, bool by_operator);

// The work of a job of our own API, on a worker's thread. A job under system_account() is the operator's, over the
// accounts that its task names, in the order of their ids; any other one is over its own account.
//
// Equal tasks over equal data give equal bytes, also when the work was cut by a crash: it goes on behind the last part
// that was saved. Between two accounts, and between two parts of a long ledger, it looks whether it is still wanted.
Result<std::string> run_report(const ReportSources& sources, const queue::Jobs& jobs, const ReportLimits& limits,
                               const Job& job, queue::JobContext& context);

// The same; a report over an account's own data takes over the result of an equal one before, if the data is the same.
Result<std::string> run_report(ReportReuse& reuse, const ReportSources& sources, const queue::Jobs& jobs,
                               const ReportLimits& limits, const Job& job, queue::JobContext& context);

}  // namespace tally::http

// Reports on the wire of our own API: orders, jobs and results.
#pragma once

#include <string>
#include <string_view>

#include "core/job.h"
#include "core/report_task.h"
#include "core/stored_result.h"
#include "http/idempotency.h"
#include "http/json.h"
#include "http/json_writer.h"
#include "http/request.h"
#include "storage/directory.h"

namespace tally::http {

// Results up to this size are part of the poll's body; larger ones are fetched from `result_url`.
inline constexpr std::size_t inline_result_bytes_max = 256 * 1024;

struct ReportOrder {
  ReportTask task;
  std::string callback_url;  // not judged yet
};

// Reads and validates the body of POST …/reports. `from` and `to` are dates or instants; the rules are core's and the
// reader's. The operator's names `accounts`: a list of ids, which need not exist, or "*" for all there are.
Result<ReportOrder> read_report_order(const JsonValue& body, UtcTime now, CallSide side);

// Refuses accounts that there are none of: `unknown_account`.
Result<void> check_accounts(const storage::Directory& directory, const std::vector<AccountId>& accounts);

// The usage report that a query asks for: `from`, `to`, `granularity`, and `group_by`, names with commas between them.
// The same rules; a parameter that is none of these is refused, as an unknown field is.
Result<ReportRequest> read_usage_query(const Request& request, UtcTime now);

// A usage report of an account as a JSON result. Errc::too_large `result_too_large` past `bytes_max`.
Result<StoredResult> usage_result(const AccountId& account, const Report& report, std::uint64_t price_version,
                                  std::uint64_t bytes_max);

// The stored bytes of a completed job of our own API.
Result<StoredResult> read_result(const Job& job, std::string_view bytes);

// The answer to the submit: {"request_id","status","created_at","status_url"}.
std::string job_accepted_json(const Job& job);
// The answer to a poll; `result` is the stored result of a completed job, else empty. A result that is no JSON, or a
// large one, is told by `result_url` and `summary`: {"as_of","digest","bytes","totals"}.
std::string job_json(const Job& job, std::string_view result);
// An item of the list: the poll's answer without the result.
void write_job(JsonWriter& out, const Job& job);

// Where a job is polled, by its side.
std::string status_url(const Job& job);

}  // namespace tally::http

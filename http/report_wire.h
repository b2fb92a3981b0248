// Reports on the wire of our own API: requests, jobs and results as JSON.
#pragma once

#include <string>
#include <string_view>

#include "core/job.h"
#include "core/report.h"
#include "http/json.h"
#include "http/json_writer.h"

namespace tally::http {

// Results up to this size are part of the poll's body; larger ones are fetched from `result_url`.
inline constexpr std::size_t inline_result_bytes_max = 256 * 1024;

struct ReportOrder {
  ReportRequest request;
  std::string callback_url;  // not judged yet
};

// Reads and validates the body of POST /v1/reports. `from` and `to` are dates or instants; the rules are core's and the
// reader's.
Result<ReportOrder> read_report_order(const JsonValue& body, UtcTime now);

// {"type","account","from","to","granularity","as_of","digest","rows":[…],"totals":{…}}. `digest` is the SHA-256 of the
// bytes of the value of `rows`; `as_of` is the place in the journal up to which every event is included.
std::string report_json(const Report& report, const AccountId& account);

// The answer to the submit: {"request_id","status","created_at","status_url"}.
std::string job_accepted_json(const Job& job);
// The answer to a poll; `result` is the stored result of a completed job, else empty.
std::string job_json(const Job& job, std::string_view result);
// An item of the list: the poll's answer without the result.
void write_job(JsonWriter& out, const Job& job);

std::string status_url(const RequestId& id);

}  // namespace tally::http

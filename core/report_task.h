// What a report job is asked to do: which report, over which accounts, in which format. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/report.h"
#include "core/what_if.h"

namespace tally {

enum class ReportFormat : std::uint8_t { json = 1, ndjson, csv, xml };
std::string_view to_string(ReportFormat format) noexcept;
Result<ReportFormat> parse_report_format(std::string_view word);  // rule `invalid_format`

inline constexpr std::size_t report_accounts_max = 10'000;  // that a task names; all of them are not named

struct ReportTask {
  ReportRequest request;
  ReportFormat format = ReportFormat::json;
  // Of an operator's report: in order and each once; empty: every account. A customer's is over its own.
  std::vector<AccountId> accounts;
  DraftPrices draft;  // what_if: at least one
};

// The rules of the request (core/report.h), and: a draft belongs to a what_if report and to no other (`missing_prices`,
// `invalid_prices`).
Result<void> validate(const ReportTask& task, UtcTime now);

// The bytes of Job::request. Equal tasks have equal bytes.
std::string encode(const ReportTask& task);
// Reads the bytes of a bare ReportRequest too, which jobs were before there were formats.
Result<ReportTask> decode_report_task(std::string_view bytes);

}  // namespace tally

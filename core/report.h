// Reports: what is asked for, and how rollup rows become report rows. Pure: no store, no format.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/rollup.h"
#include "core/time.h"

namespace tally {

enum class ReportType : std::uint8_t { usage = 1, ledger, statement, what_if };
enum class GroupBy : std::uint8_t { endpoint = 1, category, key };
std::string_view to_string(ReportType type) noexcept;
std::string_view to_string(GroupBy group) noexcept;

struct ReportRequest {
  ReportType type = ReportType::usage;
  TimeRange range;
  Granularity granularity = Granularity::day;
  std::vector<GroupBy> group_by;  // no repeats; empty: one row a period
};

inline constexpr std::int64_t report_periods_max = 24 * 366;  // rows in time, whatever the granularity
inline constexpr int report_years_max = 12;

// Rules: from < to (`invalid_range`), both on an edge of the granularity (`misaligned_range`), not begun in the future
// (`future_range`), not beyond the end of the period that is running (`future_range`), within the bounds above
// (`range_too_long`), and no repeats in `group_by`, which only a usage report has (`invalid_group_by`).
Result<void> validate(const ReportRequest& request, UtcTime now);

// The coarsest granularity on whose edges both ends lie: what a report that shows no periods is measured by.
Granularity coarsest_of(const TimeRange& range) noexcept;

struct ReportRow {
  UtcTime period;           // its start
  std::uint32_t names = 0;  // index of Report::names
  Counters counters;
  MatchRates match_rates{};  // not by the hour, and not in stored reports
};

struct Report {
  ReportRequest request;
  std::uint64_t as_of = 0;                      // the account's journal sequence that the figures include
  std::vector<std::vector<std::string>> names;  // of rows, each set once: one per group_by, in that order
  std::vector<ReportRow> rows;                  // by period, then names; only periods with usage
  Counters totals;

  const std::vector<std::string>& names_of(const ReportRow& row) const { return names[row.names]; }
};

// Which rollup tables a range is read from: whole months from month rows (granularity month, year, total), the rest
// from day rows. Half-open index ranges; empty ones have begin == end.
struct ReadPlan {
  struct Span {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    bool contains(std::int32_t index) const noexcept { return index >= begin && index < end; }
  };
  Span months;
  Span days_before;  // days before the first whole month, or all the days there are
  Span days_after;
  bool hours = false;  // the days' rows are to be read with their hours
};
ReadPlan plan(const ReportRequest& request) noexcept;

// Adds up rollup rows in any order; `take` may see a row of the plan several times as deltas.
class ReportBuilder {
 public:
  explicit ReportBuilder(ReportRequest request);
  ReportBuilder(const ReportBuilder&) = delete;
  ReportBuilder& operator=(const ReportBuilder&) = delete;
  void add_month(std::int32_t month, const RollupDims& dims, const Counters& total, const MatchRates& rates = {});
  // Only the hours inside the range count when the plan says `hours`; else the whole day.
  void add_day(std::int32_t day, const RollupDims& dims, const RollupValue& value);
  // The same of all series of a stored row. Errc::corrupt when it cannot be read.
  Result<void> add_month_row(std::string_view key, std::string_view value);
  Result<void> add_day_row(std::string_view key, std::string_view value);
  Report finish(std::uint64_t as_of) &&;

  // For one account after the other: what was added since the last restart, until the next call. Its `names` may hold
  // those of earlier accounts too, which are thus learned once.
  const Report& report(std::uint64_t as_of);
  void restart();

 private:
  UtcTime period_of(UtcTime t) const noexcept;
  bool reads_hours_of(std::int32_t day) const noexcept;
  Result<void> add_totals(UtcTime period, std::string_view value);
  void add_hours(std::int32_t day, std::uint32_t names, const RollupValue& value);
  void add(const ReportRow& row);
  Result<std::uint32_t> names_of(std::string_view dims);
  std::uint32_t number_of(const RollupDimsView& where);
  void compact();
  void sort_names();

  bool hours_;
  Report report_;  // while rows are added, `names` of a row is the names' number: how many others came first
  std::size_t compact_at_;
  std::vector<std::uint32_t> places_;  // by number: where in report_.names
  bool names_sorted_ = true;
  std::unordered_map<std::string, std::uint32_t> numbers_;     // by the names' bytes
  std::map<std::string, std::uint32_t, std::less<>> by_dims_;  // the same, by the dims' bytes in a row
  std::map<std::string, std::uint32_t, std::less<>>::const_iterator likely_ = by_dims_.end();
  std::string scratch_;
};

std::string encode(const ReportRequest& request);
Result<ReportRequest> decode_report_request(std::string_view bytes);
// The stored result: compact, and rendered to a format when it is read. A report with a name longer than
// report_name_bytes_max cannot be read back.
inline constexpr std::size_t report_name_bytes_max = 4096;
std::string encode(const Report& report);
Result<Report> decode_report(std::string_view bytes);

}  // namespace tally

#include "core/report.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t request_version = 1;
constexpr std::size_t compact_at_least = 4096;

std::int32_t first_day_not_before(UtcTime t) noexcept {
  const std::int32_t day = day_of(t);
  return start_of_day(day) == t ? day : day + 1;
}

std::int32_t first_month_not_before(UtcTime t) noexcept {
  const std::int32_t month = month_of(t);
  return start_of_month(month) == t ? month : month + 1;
}

bool on_day_edge(UtcTime t) noexcept {
  return floor_to(Granularity::day, t) == t;
}

std::int64_t periods_of(const ReportRequest& request) noexcept {
  const std::int64_t span_ms = request.range.to.ms() - request.range.from.ms();
  if (request.granularity == Granularity::hour) return span_ms / hour_ms;
  if (request.granularity == Granularity::day) return span_ms / day_ms;
  return 1;  // months and years are few in report_years_max
}

bool has_repeats(const std::vector<GroupBy>& groups) noexcept {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (std::find(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(i), groups[i]) !=
        groups.begin() + static_cast<std::ptrdiff_t>(i)) {
      return true;
    }
  }
  return false;
}

std::string_view dim_of(const RollupKeyView& where, GroupBy group) noexcept {
  switch (group) {
    case GroupBy::endpoint:
      return where.endpoint;
    case GroupBy::category:
      return where.category;
    case GroupBy::key:
      return where.key;
  }
  return where.endpoint;
}

RollupKeyView view_of(std::int32_t period, const RollupDims& dims) noexcept {
  return {period, dims.endpoint, dims.category, dims.key};
}

Error refuse(const char* detail, const char* rule) {
  return fail(Errc::invalid_argument, detail, rule);
}

}  // namespace

std::string_view to_string(ReportType type) noexcept {
  switch (type) {
    case ReportType::usage:
      return "usage";
  }
  return "unknown";
}

std::string_view to_string(GroupBy group) noexcept {
  switch (group) {
    case GroupBy::endpoint:
      return "endpoint";
    case GroupBy::category:
      return "category";
    case GroupBy::key:
      return "key";
  }
  return "unknown";
}

Result<void> validate(const ReportRequest& request, UtcTime now) {
  const auto& [from, to] = request.range;
  if (from >= to) return refuse("from must lie before to", "invalid_range");
  if (floor_to(request.granularity, from) != from || floor_to(request.granularity, to) != to) {
    return refuse("from and to must lie on an edge of the granularity", "misaligned_range");
  }
  if (from > now) return refuse("the range begins in the future", "future_range");
  if (to > next_after(request.granularity, now)) {
    return refuse("the range reaches beyond the period that is running", "future_range");
  }
  if (to > add_months(from, 12 * report_years_max) || periods_of(request) > report_periods_max) {
    return refuse("the range has too many periods", "range_too_long");
  }
  if (has_repeats(request.group_by)) return refuse("group_by names something twice", "invalid_group_by");
  return {};
}

ReadPlan plan(const ReportRequest& request) noexcept {
  const auto& [from, to] = request.range;
  ReadPlan plan;
  if (from >= to) return plan;
  plan.hours = request.granularity == Granularity::hour || !on_day_edge(from) || !on_day_edge(to);
  plan.days_before = {day_of(from), first_day_not_before(to)};
  if (request.granularity == Granularity::hour || request.granularity == Granularity::day) return plan;

  const ReadPlan::Span whole = {first_month_not_before(from), month_of(to)};
  if (whole.begin >= whole.end) return plan;
  plan.months = whole;
  plan.days_after = {first_day_of_month(whole.end), plan.days_before.end};
  plan.days_before.end = first_day_of_month(whole.begin);
  return plan;
}

ReportBuilder::ReportBuilder(ReportRequest request)
    : request_(std::move(request)), hours_(plan(request_).hours), compact_at_(compact_at_least) {}

void ReportBuilder::add_month(std::int32_t month, const RollupDims& dims, const Counters& total) {
  add(period_of(start_of_month(month)), view_of(month, dims), total);
}

void ReportBuilder::add_day(std::int32_t day, const RollupDims& dims, const RollupValue& value) {
  const RollupKeyView where = view_of(day, dims);
  if (reads_hours_of(day)) return add_hours(where, value);
  add(period_of(start_of_day(day)), where, value.total);
}

Result<void> ReportBuilder::add_month_row(std::string_view key, std::string_view value) {
  const auto where = view_rollup_key(key);
  if (!where) return where.error();
  const auto total = decode_rollup_total(value);
  if (!total) return total.error();
  add(period_of(start_of_month(where->period)), *where, *total);
  return {};
}

Result<void> ReportBuilder::add_day_row(std::string_view key, std::string_view value) {
  const auto where = view_rollup_key(key);
  if (!where) return where.error();
  if (reads_hours_of(where->period)) {
    const auto row = decode_rollup(value);
    if (!row) return row.error();
    add_hours(*where, *row);
    return {};
  }
  const auto total = decode_rollup_total(value);
  if (!total) return total.error();
  add(period_of(start_of_day(where->period)), *where, *total);
  return {};
}

// A day that lies in the range whole and is not shown by the hour needs its total only.
bool ReportBuilder::reads_hours_of(std::int32_t day) const noexcept {
  if (!hours_ || request_.granularity == Granularity::hour) return hours_;
  const UtcTime start = start_of_day(day);
  return start < request_.range.from || request_.range.to < start + day_ms;
}

void ReportBuilder::add_hours(const RollupKeyView& where, const RollupValue& value) {
  const UtcTime start = start_of_day(where.period);
  for (const auto& [hour, counters] : value.hours) {
    const UtcTime t = start + hour * hour_ms;
    if (request_.range.from <= t && t < request_.range.to) add(period_of(t), where, counters);
  }
}

UtcTime ReportBuilder::period_of(UtcTime t) const noexcept {
  return request_.granularity == Granularity::total ? request_.range.from : floor_to(request_.granularity, t);
}

// Rows come by the hundred thousand with few different names: they are collected as small cells and added up now and
// then, which keeps memory at twice the distinct ones.
void ReportBuilder::add(UtcTime period, const RollupKeyView& where, const Counters& counters) {
  const std::uint32_t name = name_id(where);
  if (!cells_.empty() && cells_.back().period == period && cells_.back().name == name) {
    cells_.back().counters += counters;
    return;
  }
  if (cells_.size() >= compact_at_) {
    compact();
    compact_at_ = std::max(compact_at_least, 2 * cells_.size());
  }
  cells_.push_back({period, name, counters});
}

bool ReportBuilder::is_named(std::uint32_t id, const RollupKeyView& where) const noexcept {
  const std::vector<std::string>& names = names_[id];
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != dim_of(where, request_.group_by[i])) return false;
  }
  return true;
}

std::uint32_t ReportBuilder::name_id(const RollupKeyView& where) {
  // Every period's rows come in the same order, so the name after the last one is the likely next.
  if (!cells_.empty()) {
    const std::uint32_t likely = cells_.back().name + 1 < names_.size() ? cells_.back().name + 1 : 0;
    if (is_named(likely, where)) return likely;
  }
  scratch_.clear();
  Encoder out(scratch_);
  for (const GroupBy group : request_.group_by) out.text(dim_of(where, group));
  if (const auto found = name_ids_.find(scratch_); found != name_ids_.end()) return found->second;

  std::vector<std::string> names;
  names.reserve(request_.group_by.size());
  for (const GroupBy group : request_.group_by) names.emplace_back(dim_of(where, group));
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.push_back(std::move(names));
  name_ids_.emplace(scratch_, id);
  return id;
}

void ReportBuilder::compact() {
  const auto before = [](const Cell& a, const Cell& b) {
    return std::tie(a.period, a.name) < std::tie(b.period, b.name);
  };
  if (!std::is_sorted(cells_.begin(), cells_.end(), before)) std::sort(cells_.begin(), cells_.end(), before);
  std::size_t kept = 0;
  for (const Cell& cell : cells_) {
    if (kept > 0 && cells_[kept - 1].period == cell.period && cells_[kept - 1].name == cell.name) {
      cells_[kept - 1].counters += cell.counters;
    } else {
      cells_[kept++] = cell;
    }
  }
  cells_.resize(kept);
}

Report ReportBuilder::finish(std::uint64_t as_of) && {
  // From here on a name's id is its place in the order of names, so that sorting cells sorts rows.
  std::vector<std::uint32_t> by_name(names_.size());
  std::iota(by_name.begin(), by_name.end(), 0u);
  std::sort(by_name.begin(), by_name.end(), [&](std::uint32_t a, std::uint32_t b) { return names_[a] < names_[b]; });
  std::vector<std::uint32_t> rank(names_.size());
  for (std::uint32_t i = 0; i < by_name.size(); ++i) rank[by_name[i]] = i;
  for (Cell& cell : cells_) cell.name = rank[cell.name];
  compact();

  Report report;
  report.as_of = as_of;
  report.rows.reserve(cells_.size());
  for (const Cell& cell : cells_) {
    if (cell.counters == Counters()) continue;  // reversed to nothing
    report.rows.push_back({cell.period, names_[by_name[cell.name]], cell.counters});
    report.totals += cell.counters;
  }
  report.request = std::move(request_);
  return report;
}

std::string encode(const ReportRequest& request) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(request_version);
  write_enum(out, request.type);
  write_time(out, request.range.from);
  write_time(out, request.range.to);
  write_enum(out, request.granularity);
  out.u8(static_cast<std::uint8_t>(request.group_by.size()));
  for (const GroupBy group : request.group_by) write_enum(out, group);
  return bytes;
}

Result<ReportRequest> decode_report_request(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != request_version) in.reject();
  ReportRequest request;
  request.type = read_enum(in, ReportType::usage);
  request.range.from = read_time(in);
  request.range.to = read_time(in);
  request.granularity = read_enum(in, Granularity::total);
  for (std::uint8_t left = in.u8(); left > 0 && in.ok(); --left) {
    request.group_by.push_back(read_enum(in, GroupBy::key));
  }
  if (!in.done() || has_repeats(request.group_by)) return fail(Errc::corrupt, "a report request cannot be read");
  return request;
}

}  // namespace tally

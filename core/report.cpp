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
constexpr std::size_t dims_kept_max = 16'384;
constexpr std::size_t names_kept_max = 16'384;

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

std::string_view dim_of(const RollupDimsView& where, GroupBy group) noexcept {
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

bool same_place(const ReportRow& a, const ReportRow& b) noexcept {
  return a.period == b.period && a.names == b.names;
}

void add_figures(ReportRow& sum, const ReportRow& row) noexcept {
  sum.counters += row.counters;
  sum.match_rates += row.match_rates;
}

Error corrupt_row() {
  return fail(Errc::corrupt, "a rollup row cannot be read");
}

Error refuse_report(const char* detail, const char* rule) {
  return fail(Errc::invalid_argument, detail, rule);
}

}  // namespace

std::string_view to_string(ReportType type) noexcept {
  switch (type) {
    case ReportType::usage:
      return "usage";
    case ReportType::ledger:
      return "ledger";
    case ReportType::statement:
      return "statement";
    case ReportType::what_if:
      return "what_if";
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
  if (from >= to) return refuse_report("from must lie before to", "invalid_range");
  if (floor_to(request.granularity, from) != from || floor_to(request.granularity, to) != to) {
    return refuse_report("from and to must lie on an edge of the granularity", "misaligned_range");
  }
  if (from > now) return refuse_report("the range begins in the future", "future_range");
  if (to > next_after(request.granularity, now)) {
    return refuse_report("the range reaches beyond the period that is running", "future_range");
  }
  if (to > add_months(from, 12 * report_years_max) || periods_of(request) > report_periods_max) {
    return refuse_report("the range has too many periods", "range_too_long");
  }
  if (has_repeats(request.group_by)) return refuse_report("group_by names something twice", "invalid_group_by");
  if (request.type != ReportType::usage && !request.group_by.empty())
    return refuse_report("only a usage report is grouped", "invalid_group_by");
  return {};
}

Granularity coarsest_of(const TimeRange& range) noexcept {
  for (const auto granularity : {Granularity::year, Granularity::month, Granularity::day}) {
    if (floor_to(granularity, range.from) == range.from && floor_to(granularity, range.to) == range.to)
      return granularity;
  }
  return Granularity::total;
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

ReportBuilder::ReportBuilder(ReportRequest request) : hours_(plan(request).hours), compact_at_(compact_at_least) {
  report_.request = std::move(request);
}

void ReportBuilder::add_month(std::int32_t month, const RollupDims& dims, const Counters& total,
                              const MatchRates& rates) {
  add({period_of(start_of_month(month)), number_of({dims.endpoint, dims.category, dims.key}), total, rates});
}

void ReportBuilder::add_day(std::int32_t day, const RollupDims& dims, const RollupValue& value) {
  const std::uint32_t names = number_of({dims.endpoint, dims.category, dims.key});
  if (reads_hours_of(day)) return add_hours(day, names, value);
  add({period_of(start_of_day(day)), names, value.total, value.match_rates});
}

Result<void> ReportBuilder::add_month_row(std::string_view key, std::string_view value) {
  const auto month = parse_rollup_key(key);
  if (!month) return month.error();
  return add_totals(period_of(start_of_month(*month)), value);
}

Result<void> ReportBuilder::add_day_row(std::string_view key, std::string_view value) {
  const auto day = parse_rollup_key(key);
  if (!day) return day.error();
  if (!reads_hours_of(*day)) return add_totals(period_of(start_of_day(*day)), value);
  RollupRowReader row(value);
  while (row.next()) {
    const auto names = names_of(row.dims());
    if (!names) return names.error();
    const auto series = decode_rollup(row.value());
    if (!series) return series.error();
    add_hours(*day, *names, *series);
  }
  return row.ok() ? Result<void>() : corrupt_row();
}

Result<void> ReportBuilder::add_totals(UtcTime period, std::string_view value) {
  RollupRowReader row(value);
  while (row.next()) {
    const auto names = names_of(row.dims());
    if (!names) return names.error();
    const auto total = decode_rollup_total(row.value());
    if (!total) return total.error();
    add({period, *names, total->counters, total->match_rates});
  }
  return row.ok() ? Result<void>() : corrupt_row();
}

// A day that lies in the range whole and is not shown by the hour needs its total only.
bool ReportBuilder::reads_hours_of(std::int32_t day) const noexcept {
  if (!hours_ || report_.request.granularity == Granularity::hour) return hours_;
  const UtcTime start = start_of_day(day);
  return start < report_.request.range.from || report_.request.range.to < start + day_ms;
}

void ReportBuilder::add_hours(std::int32_t day, std::uint32_t names, const RollupValue& value) {
  const UtcTime start = start_of_day(day);
  for (const auto& [hour, counters] : value.hours) {
    const UtcTime t = start + hour * hour_ms;
    if (report_.request.range.from <= t && t < report_.request.range.to) add({period_of(t), names, counters, {}});
  }
}

UtcTime ReportBuilder::period_of(UtcTime t) const noexcept {
  return report_.request.granularity == Granularity::total ? report_.request.range.from
                                                           : floor_to(report_.request.granularity, t);
}

// Rows come by the hundred thousand with few different names: they are collected with a number for their names and
// added up now and then, which keeps memory at twice the distinct ones.
void ReportBuilder::add(const ReportRow& row) {
  std::vector<ReportRow>& rows = report_.rows;
  if (!rows.empty() && same_place(rows.back(), row)) return add_figures(rows.back(), row);
  if (rows.size() >= compact_at_) {
    compact();
    compact_at_ = std::max(compact_at_least, 2 * rows.size());
  }
  rows.push_back(row);
}

// A row's series come in the order of their dims, so the dims after the last ones are the likely next: comparing their
// bytes tells the names without reading them.
Result<std::uint32_t> ReportBuilder::names_of(std::string_view dims) {
  if (likely_ == by_dims_.end() || likely_->first != dims) likely_ = by_dims_.lower_bound(dims);
  if (likely_ == by_dims_.end() || likely_->first != dims) {
    const auto where = view_rollup_dims(dims);
    if (!where) return where.error();
    const std::uint32_t names = number_of(*where);
    if (by_dims_.size() == dims_kept_max) return names;
    likely_ = by_dims_.emplace_hint(likely_, dims, names);
  }
  const std::uint32_t names = likely_->second;
  if (++likely_ == by_dims_.end()) likely_ = by_dims_.begin();
  return names;
}

std::uint32_t ReportBuilder::number_of(const RollupDimsView& where) {
  scratch_.clear();
  Encoder out(scratch_);
  for (const GroupBy group : report_.request.group_by) out.text(dim_of(where, group));
  if (const auto found = numbers_.find(scratch_); found != numbers_.end()) return found->second;

  std::vector<std::string> names;
  names.reserve(report_.request.group_by.size());
  for (const GroupBy group : report_.request.group_by) names.emplace_back(dim_of(where, group));
  const auto number = static_cast<std::uint32_t>(places_.size());
  places_.push_back(static_cast<std::uint32_t>(report_.names.size()));
  report_.names.push_back(std::move(names));
  names_sorted_ = false;
  numbers_.emplace(scratch_, number);
  return number;
}

void ReportBuilder::compact() {
  const auto before = [](const ReportRow& a, const ReportRow& b) {
    return std::tie(a.period, a.names) < std::tie(b.period, b.names);
  };
  std::vector<ReportRow>& rows = report_.rows;
  if (!std::is_sorted(rows.begin(), rows.end(), before)) std::sort(rows.begin(), rows.end(), before);
  std::size_t kept = 0;
  for (const ReportRow& row : rows) {
    if (kept > 0 && same_place(rows[kept - 1], row)) {
      add_figures(rows[kept - 1], row);
    } else {
      rows[kept++] = row;
    }
  }
  rows.resize(kept);
}

void ReportBuilder::sort_names() {
  if (names_sorted_) return;
  names_sorted_ = true;
  auto& names = report_.names;
  std::vector<std::uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return names[a] < names[b]; });
  std::vector<std::vector<std::string>> sorted;
  sorted.reserve(names.size());
  std::vector<std::uint32_t> place_now(names.size());
  for (const std::uint32_t place : order) {
    place_now[place] = static_cast<std::uint32_t>(sorted.size());
    sorted.push_back(std::move(names[place]));
  }
  names = std::move(sorted);
  for (std::uint32_t& place : places_) place = place_now[place];
}

const Report& ReportBuilder::report(std::uint64_t as_of) {
  // From here on a number is a place in the order of names, so that sorting numbers sorts rows.
  sort_names();
  for (ReportRow& row : report_.rows) row.names = places_[row.names];
  compact();
  std::erase_if(report_.rows, [](const ReportRow& row) { return row.counters == Counters(); });  // reversed to nothing
  report_.totals = {};
  for (const ReportRow& row : report_.rows) report_.totals += row.counters;
  report_.as_of = as_of;
  return report_;
}

void ReportBuilder::restart() {
  report_.rows.clear();
  compact_at_ = compact_at_least;
  if (places_.size() > names_kept_max) {
    report_.names.clear();
    places_.clear();
    numbers_.clear();
    by_dims_.clear();
  }
  likely_ = by_dims_.begin();
}

Report ReportBuilder::finish(std::uint64_t as_of) && {
  report(as_of);
  return std::move(report_);
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
  request.type = read_enum(in, ReportType::what_if);
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

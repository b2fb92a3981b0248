#include "core/report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "core/manual.h"

namespace report_test {

using namespace tally;

namespace {

UtcTime at(std::string_view text) {
  return UtcTime::parse(text).value();
}

ReportRequest request_of(std::string_view from, std::string_view to, Granularity granularity,
                         std::vector<GroupBy> group_by = {}) {
  return {ReportType::usage, {at(from), at(to)}, granularity, std::move(group_by)};
}

// The rule that refuses a request at noon of 15 February 2026; empty when it is good.
std::string rule_of(const ReportRequest& request) {
  const Result<void> result = validate(request, at("2026-02-15T12:30:00Z"));
  if (result) return "";
  CHECK(result.error().code == Errc::invalid_argument);
  return result.error().rule;
}

bool is_span(ReadPlan::Span span, std::int32_t begin, std::int32_t end) {
  return span.begin == begin && span.end == end;
}
bool is_empty(ReadPlan::Span span) {
  return span.begin >= span.end;
}
std::int32_t day(std::string_view text) {
  return day_of(at(text));
}
std::int32_t month(std::string_view text) {
  return month_of(at(text));
}

}  // namespace

TEST_CASE("report: a range runs forward on the edges of its granularity") {
  CHECK(rule_of(request_of("2026-01-01", "2026-02-01", Granularity::month)) == "");
  CHECK(rule_of(request_of("2026-01-01", "2026-01-01", Granularity::day)) == "invalid_range");
  CHECK(rule_of(request_of("2026-01-02", "2026-01-01", Granularity::day)) == "invalid_range");
  CHECK(rule_of(request_of("2026-01-02", "2026-02-01", Granularity::month)) == "misaligned_range");
  CHECK(rule_of(request_of("2026-01-01", "2026-01-31", Granularity::month)) == "misaligned_range");
  CHECK(rule_of(request_of("2025-02-01", "2026-01-01", Granularity::year)) == "misaligned_range");
  CHECK(rule_of(request_of("2026-01-01T01:00Z", "2026-01-02", Granularity::day)) == "misaligned_range");
  CHECK(rule_of(request_of("2026-01-01T01:30Z", "2026-01-02", Granularity::hour)) == "misaligned_range");
  CHECK(rule_of(request_of("2026-01-01T01:30Z", "2026-01-02", Granularity::total)) == "misaligned_range");
  CHECK(rule_of(request_of("2026-01-01T01:00Z", "2026-01-02T05:00Z", Granularity::total)) == "");
}

TEST_CASE("report: a range may end with the period that is running, not later") {
  CHECK(rule_of(request_of("2026-02-01", "2026-03-01", Granularity::month)) == "");
  CHECK(rule_of(request_of("2026-02-01", "2026-04-01", Granularity::month)) == "future_range");
  CHECK(rule_of(request_of("2026-03-01", "2026-04-01", Granularity::month)) == "future_range");
  CHECK(rule_of(request_of("2026-01-01", "2027-01-01", Granularity::year)) == "");
  CHECK(rule_of(request_of("2026-02-01", "2026-02-16", Granularity::day)) == "");
  CHECK(rule_of(request_of("2026-02-01", "2026-02-17", Granularity::day)) == "future_range");
  CHECK(rule_of(request_of("2026-02-15", "2026-02-15T13:00Z", Granularity::hour)) == "");
  CHECK(rule_of(request_of("2026-02-15", "2026-02-15T14:00Z", Granularity::hour)) == "future_range");
  CHECK(rule_of(request_of("2026-02-01", "2026-02-15T13:00Z", Granularity::total)) == "");
}

TEST_CASE("report: a range is bounded in periods and in years") {
  CHECK(rule_of(request_of("2025-02-14", "2026-02-15", Granularity::hour)) == "");
  CHECK(rule_of(request_of("2025-02-13", "2026-02-15", Granularity::hour)) == "range_too_long");
  CHECK(rule_of(request_of("2014-02-15", "2026-02-15", Granularity::day)) == "");
  CHECK(rule_of(request_of("2014-02-14", "2026-02-15", Granularity::day)) == "range_too_long");
  CHECK(rule_of(request_of("2014-01-01", "2026-01-01", Granularity::year)) == "");
  CHECK(rule_of(request_of("2014-01-01", "2027-01-01", Granularity::year)) == "range_too_long");
  CHECK(rule_of(request_of("1970-01-01", "2026-02-01", Granularity::total)) == "range_too_long");
}

TEST_CASE("report: a grouping names nothing twice") {
  using enum GroupBy;
  CHECK(rule_of(request_of("2026-01-01", "2026-02-01", Granularity::day, {endpoint, category, key})) == "");
  CHECK(rule_of(request_of("2026-01-01", "2026-02-01", Granularity::day, {key, endpoint, key})) == "invalid_group_by");
}

TEST_CASE("plan: whole months are read from month rows, the edges from day rows") {
  const ReadPlan p = plan(request_of("2026-01-15", "2026-04-03", Granularity::total));
  CHECK(is_span(p.days_before, day("2026-01-15"), day("2026-02-01")));
  CHECK(is_span(p.months, month("2026-02-01"), month("2026-04-01")));
  CHECK(is_span(p.days_after, day("2026-04-01"), day("2026-04-03")));
  CHECK_FALSE(p.hours);
}

TEST_CASE("plan: an edge inside a day needs that day's hours") {
  const ReadPlan p = plan(request_of("2026-01-15T07:00Z", "2026-04-03T01:00Z", Granularity::total));
  CHECK(is_span(p.days_before, day("2026-01-15"), day("2026-02-01")));
  CHECK(is_span(p.days_after, day("2026-04-01"), day("2026-04-04")));
  CHECK(p.hours);
  const ReadPlan inside = plan(request_of("2026-01-15T07:00Z", "2026-01-15T08:00Z", Granularity::total));
  CHECK(is_span(inside.days_before, day("2026-01-15"), day("2026-01-16")));
  CHECK(inside.hours);
}

TEST_CASE("plan: a range of whole months reads no day row") {
  for (const auto granularity : {Granularity::month, Granularity::total}) {
    const ReadPlan p = plan(request_of("2025-11-01", "2026-02-01", granularity));
    CHECK(is_span(p.months, month("2025-11-01"), month("2026-02-01")));
    CHECK(is_empty(p.days_before));
    CHECK(is_empty(p.days_after));
    CHECK_FALSE(p.hours);
  }
  const ReadPlan years = plan(request_of("2024-01-01", "2026-01-01", Granularity::year));
  CHECK(years.months.end - years.months.begin == 24);
}

TEST_CASE("plan: without a whole month, by day or by hour, only day rows are read") {
  const ReadPlan partial = plan(request_of("2026-01-15", "2026-02-20", Granularity::total));
  CHECK(is_span(partial.days_before, day("2026-01-15"), day("2026-02-20")));
  CHECK(is_empty(partial.months));
  CHECK(is_empty(partial.days_after));
  const ReadPlan days = plan(request_of("2026-01-01", "2026-03-01", Granularity::day));
  CHECK(is_span(days.days_before, day("2026-01-01"), day("2026-03-01")));
  CHECK(is_empty(days.months));
  CHECK_FALSE(days.hours);
  const ReadPlan hours = plan(request_of("2026-01-01", "2026-03-01", Granularity::hour));
  CHECK(is_span(hours.days_before, day("2026-01-01"), day("2026-03-01")));
  CHECK(hours.hours);
  const ReadPlan nothing = plan(request_of("2026-03-01", "2026-03-01", Granularity::total));
  CHECK((is_empty(nothing.days_before) && is_empty(nothing.months) && is_empty(nothing.days_after)));
}

TEST_CASE("plan: every hour of a range is read exactly once") {
  SeededRandom random(12);
  const std::int64_t base = at("2023-12-01").ms();
  for (int round = 0; round < 400; ++round) {
    const auto hours = static_cast<std::int64_t>(random.below(24 * 500) + 1);
    ReportRequest request;
    request.granularity = Granularity::total;
    request.range.from = UtcTime::from_ms(base + static_cast<std::int64_t>(random.below(24 * 200)) * hour_ms);
    request.range.to = request.range.from + hours * hour_ms;
    const ReadPlan p = plan(request);
    std::map<std::int32_t, int> reads;
    for (std::int32_t d = p.days_before.begin; d < p.days_before.end; ++d) ++reads[d];
    for (std::int32_t d = p.days_after.begin; d < p.days_after.end; ++d) ++reads[d];
    for (std::int32_t m = p.months.begin; m < p.months.end; ++m) {
      REQUIRE(start_of_month(m) >= request.range.from);
      REQUIRE(start_of_month(m + 1) <= request.range.to);
      for (std::int32_t d = first_day_of_month(m); d < first_day_of_month(m + 1); ++d) ++reads[d];
    }
    REQUIRE(reads.begin()->first == day_of(request.range.from));
    REQUIRE(reads.rbegin()->first == day_of(request.range.to - 1));
    REQUIRE(static_cast<std::int32_t>(reads.size()) == reads.rbegin()->first - reads.begin()->first + 1);
    for (const auto& [d, count] : reads) REQUIRE(count == 1);
  }
}

namespace {

using Hours = std::map<std::pair<UtcTime, RollupDims>, Counters>;  // what happened, hour by hour
using Rows = std::map<std::pair<std::int32_t, RollupDims>, RollupValue>;

std::string row_of(const RollupDims& dims, const RollupValue& value) {
  return encode(RollupRow{{encode(dims), value}});
}

Counters one_hour(Random& random) {
  Counters counters;
  counters.ok = static_cast<std::int64_t>(random.below(50));
  counters.failed = static_cast<std::int64_t>(random.below(5)) + 1;
  counters.requests = counters.ok + counters.failed;
  counters.results = static_cast<std::int64_t>(random.below(500));
  counters.credits_micros = static_cast<std::int64_t>(random.below(1'000'000'000));
  return counters;
}

Hours random_hours(Random& random, UtcTime base, std::uint64_t span_hours) {
  Hours hours;
  const std::uint64_t count = random.below(400) + 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    const UtcTime t = base + static_cast<std::int64_t>(random.below(span_hours)) * hour_ms;
    const std::string n = std::to_string(random.below(4));
    hours[{t, {"endpoint/" + n, n < "2" ? "search" : "", "key_" + std::to_string(random.below(3))}}] +=
        one_hour(random);
  }
  return hours;
}

Rows rows_by(const Hours& hours, std::int32_t (*index)(UtcTime), bool with_hours) {
  Rows rows;
  for (const auto& [where, counters] : hours) {
    RollupValue delta;
    delta.total = counters;
    if (with_hours) delta.hours = {{static_cast<std::uint8_t>(hour_of_day(where.first)), counters}};
    rows[{index(where.first), where.second}].add(delta);
  }
  return rows;
}

ReportRequest random_request(Random& random, UtcTime base, std::uint64_t span_hours) {
  constexpr Granularity granularities[] = {Granularity::hour, Granularity::day, Granularity::month, Granularity::year,
                                           Granularity::total};
  ReportRequest request;
  request.granularity = granularities[random.below(5)];
  const UtcTime from = base + static_cast<std::int64_t>(random.below(span_hours)) * hour_ms;
  request.range.from = floor_to(request.granularity, from);
  request.range.to =
      next_after(request.granularity, from + static_cast<std::int64_t>(random.below(span_hours)) * hour_ms);
  std::vector<GroupBy> groups = {GroupBy::endpoint, GroupBy::category, GroupBy::key};
  for (std::uint64_t left = random.below(4); left > 0; --left) {
    const auto pick = groups.begin() + static_cast<std::ptrdiff_t>(random.below(groups.size()));
    request.group_by.push_back(*pick);
    groups.erase(pick);
  }
  return request;
}

// What a report over the hours must say, by the plainest means.
std::map<std::pair<UtcTime, std::vector<std::string>>, Counters> count_plainly(const Hours& hours,
                                                                               const ReportRequest& request) {
  std::map<std::pair<UtcTime, std::vector<std::string>>, Counters> sums;
  for (const auto& [where, counters] : hours) {
    const auto& [t, dims] = where;
    if (t < request.range.from || t >= request.range.to) continue;
    std::vector<std::string> names;
    for (const GroupBy group : request.group_by) {
      names.push_back(group == GroupBy::endpoint   ? dims.endpoint
                      : group == GroupBy::category ? dims.category
                                                   : dims.key);
    }
    const bool total = request.granularity == Granularity::total;
    sums[{total ? request.range.from : floor_to(request.granularity, t), names}] += counters;
  }
  return sums;
}

// Hands the builder the rows of the plan in a random order, some of them in two parts.
Report build(const Hours& hours, const ReportRequest& request, Random& random) {
  const Rows days = rows_by(hours, day_of, true);
  const Rows months = rows_by(hours, month_of, false);
  const ReadPlan p = plan(request);
  const auto inside = [](ReadPlan::Span span, std::int32_t i) { return span.begin <= i && i < span.end; };
  std::vector<std::pair<bool, Rows::const_iterator>> feed;
  for (auto row = days.begin(); row != days.end(); ++row) {
    if (inside(p.days_before, row->first.first) || inside(p.days_after, row->first.first))
      feed.emplace_back(false, row);
  }
  for (auto row = months.begin(); row != months.end(); ++row) {
    if (inside(p.months, row->first.first)) feed.emplace_back(true, row);
  }
  if (random.below(2) == 0) {
    for (std::size_t i = feed.size(); i > 1; --i) std::swap(feed[i - 1], feed[random.below(i)]);
  }

  ReportBuilder builder(request);
  for (const auto& [is_month, row] : feed) {
    const auto& [index, dims] = row->first;
    if (is_month) {
      const Counters part{1, 0, 1, 0, -5};
      const Counters negated{-1, 0, -1, 0, 5};
      Counters rest = row->second.total;
      rest += negated;
      RollupValue stored;
      stored.total = part;
      builder.add_month(index, dims, rest);
      REQUIRE(builder.add_month_row(rollup_key(index), row_of(dims, stored)));
    } else {
      RollupValue total_only;
      total_only.total = row->second.total;
      const RollupValue& value = p.hours ? row->second : total_only;
      if (random.below(2) == 0) {
        builder.add_day(index, dims, value);
      } else {
        REQUIRE(builder.add_day_row(rollup_key(index), row_of(dims, value)));
      }
    }
  }
  return std::move(builder).finish(99);
}

}  // namespace

TEST_CASE("report: figures from rollups equal a plain count over the hours, for any range and grouping") {
  const UtcTime base = at("2023-11-20");
  for (std::uint64_t seed = 1; seed <= 800; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    const std::uint64_t span_hours = seed % 2 == 0 ? 24 * 120 : 24 * 900;
    const Hours hours = random_hours(random, base, span_hours);
    const ReportRequest request = random_request(random, base, span_hours);
    const Report report = build(hours, request, random);
    const auto expected = count_plainly(hours, request);

    REQUIRE(report.rows.size() == expected.size());
    auto row = report.rows.begin();
    Counters totals;
    for (const auto& [where, counters] : expected) {
      REQUIRE(row->period == where.first);
      REQUIRE(report.names_of(*row) == where.second);
      REQUIRE(row->counters == counters);
      totals += counters;
      ++row;
    }
    REQUIRE(report.totals == totals);
    REQUIRE(report.as_of == 99);
  }
}

TEST_CASE("report: a day with a partial edge counts only its hours inside the range") {
  ReportBuilder builder(request_of("2026-01-01T02:00Z", "2026-01-02T01:00Z", Granularity::total));
  RollupValue value;
  for (const std::uint8_t hour : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{23}}) {
    value.hours.emplace_back(hour, Counters{1, 1, 0, 1, 1});
    value.total += Counters{1, 1, 0, 1, 1};
  }
  builder.add_day(day("2026-01-01"), {}, value);
  builder.add_day(day("2026-01-02"), {}, value);
  const Report report = std::move(builder).finish(0);
  REQUIRE(report.rows.size() == 1);
  CHECK(report.rows[0].period == at("2026-01-01T02:00Z"));
  CHECK(report.totals.requests == 3);
}

TEST_CASE("report: a stored row that cannot be read is corrupt and counts nothing") {
  const std::string key = rollup_key(day("2026-01-01"));
  RollupValue value;
  value.total = {1, 1, 0, 1, 1};
  const std::string row = row_of({"a", "b", "c"}, value);
  for (const auto granularity : {Granularity::day, Granularity::hour}) {
    ReportBuilder builder(request_of("2026-01-01", "2026-01-02", granularity));
    CHECK(builder.add_day_row(key.substr(1), row).error().code == Errc::corrupt);
    for (std::size_t size = 2; size < row.size(); ++size)
      CHECK(builder.add_day_row(key, row.substr(0, size)).error().code == Errc::corrupt);
    CHECK(builder.add_month_row("", row).error().code == Errc::corrupt);
    CHECK(builder.add_month_row(key, "").error().code == Errc::corrupt);
    CHECK(std::move(builder).finish(0).rows.empty());
  }
}

TEST_CASE("report: one builder for many accounts gives each the report of a builder of its own") {
  const UtcTime base = at("2023-11-20");
  SeededRandom random(77);
  const ReportRequest request = request_of("2023-11-20", "2024-02-01", Granularity::month, {GroupBy::key});
  ReportBuilder all(request);
  for (int account = 0; account < 30; ++account) {
    const Hours hours = random_hours(random, base, 24 * 60);
    ReportBuilder one(request);
    all.restart();
    for (const auto& [where, counters] : hours) {
      const std::int32_t its_day = day_of(where.first);
      RollupDims dims = where.second;
      if (account % 2 == 0) dims.key += "-" + std::to_string(account % 5);
      for (ReportBuilder* builder : {&one, &all}) builder->add_day(its_day, dims, {counters, {}});
    }
    const Report expected = std::move(one).finish(5);
    const Report& report = all.report(5);
    CHECK(report.totals == expected.totals);
    CHECK(report.as_of == 5);
    REQUIRE(report.rows.size() == expected.rows.size());
    for (std::size_t i = 0; i < report.rows.size(); ++i) {
      CHECK(report.rows[i].period == expected.rows[i].period);
      CHECK(report.rows[i].counters == expected.rows[i].counters);
      CHECK(report.names_of(report.rows[i]) == expected.names_of(expected.rows[i]));
    }
  }
}

TEST_CASE("report: a row that was reversed to nothing is not shown") {
  ReportBuilder builder(request_of("2026-01-01", "2026-02-01", Granularity::month, {GroupBy::endpoint}));
  builder.add_month(month("2026-01-01"), {"a", "", ""}, {1, 1, 0, 1, 10});
  builder.add_month(month("2026-01-01"), {"b", "", ""}, {1, 1, 0, 1, 10});
  builder.add_month(month("2026-01-01"), {"a", "", ""}, {-1, -1, 0, -1, -10});
  const Report report = std::move(builder).finish(0);
  REQUIRE(report.rows.size() == 1);
  CHECK(report.names_of(report.rows[0]) == std::vector<std::string>{"b"});
}

TEST_CASE("report: without usage there are no rows and the totals are zero") {
  const Report report = ReportBuilder(request_of("2026-01-01", "2026-02-01", Granularity::day)).finish(7);
  CHECK(report.rows.empty());
  CHECK(report.totals == Counters());
  CHECK(report.as_of == 7);
  CHECK(report.request.granularity == Granularity::day);
}

TEST_CASE("report: figures stop at int64's edges instead of wrapping") {
  constexpr std::int64_t most = INT64_MAX;
  ReportBuilder builder(request_of("2026-01-01", "2026-03-01", Granularity::month));
  builder.add_month(month("2026-01-01"), {}, {most, 1, 0, 0, most});
  builder.add_month(month("2026-01-01"), {}, {most, 1, 0, 0, most});
  builder.add_month(month("2026-02-01"), {}, {1, 1, 0, 0, 1});
  const Report report = std::move(builder).finish(0);
  REQUIRE(report.rows.size() == 2);
  CHECK(report.rows[0].counters == Counters{most, 2, 0, 0, most});
  CHECK(report.totals == Counters{most, 3, 0, 0, most});
}

TEST_CASE("report: many more rows than memory cells are added up on the way") {
  ReportBuilder builder(request_of("2026-01-01", "2026-02-01", Granularity::total, {GroupBy::endpoint}));
  RollupValue value;
  value.total = {1, 1, 0, 2, 3};
  for (int i = 0; i < 50'000; ++i) {
    const RollupDims dims{std::to_string(i * 7 % 3000), "", std::to_string(i)};
    if (i % 10 == 0) {
      builder.add_day(day("2026-01-05"), dims, value);
    } else {
      REQUIRE(builder.add_day_row(rollup_key(day("2026-01-05")), row_of(dims, value)));
    }
  }
  const Report report = std::move(builder).finish(0);
  CHECK(report.rows.size() == 3000);
  CHECK(report.totals == Counters{50'000, 50'000, 0, 100'000, 150'000});
  CHECK(std::is_sorted(report.rows.begin(), report.rows.end(), [&](const ReportRow& a, const ReportRow& b) {
    return report.names_of(a) < report.names_of(b);
  }));
}

TEST_CASE("report: words of types and groupings") {
  CHECK(to_string(ReportType::usage) == "usage");
  CHECK(to_string(GroupBy::endpoint) == "endpoint");
  CHECK(to_string(GroupBy::category) == "category");
  CHECK(to_string(GroupBy::key) == "key");
}

TEST_CASE("report: without periods to show, the coarsest granularity that both ends lie on is its measure") {
  const auto coarsest = [](const char* from, const char* to) {
    return coarsest_of({UtcTime::parse(from).value(), UtcTime::parse(to).value()});
  };
  CHECK(coarsest("2026-01-01", "2027-01-01") == Granularity::year);
  CHECK(coarsest("2026-01-01", "2026-02-01") == Granularity::month);
  CHECK(coarsest("2026-01-01", "2026-02-02") == Granularity::day);
  CHECK(coarsest("2026-01-01T01:00:00Z", "2026-02-02") == Granularity::total);
}

}  // namespace report_test

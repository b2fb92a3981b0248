#include "core/schedule.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace schedule_test {

using namespace tally;

UtcTime at(std::string_view text) {
  return UtcTime::parse(text).value();
}

std::string due_after(std::string_view rule, std::string_view after) {
  const auto due = next_due(parse_cron(rule).value(), at(after));
  return due ? due->to_string() : "never";
}

// The rule read minute by minute, with nothing shared with what is tested but the bits.
bool fits(const CronRule& rule, UtcTime t) {
  const Date date = date_of_day(day_of(t));
  const auto bit = [](std::uint64_t bits, std::int64_t n) { return ((bits >> n) & 1) == 1; };
  const std::int64_t minutes = t.seconds() / 60;
  if (!bit(rule.minutes, minutes % 60) || !bit(rule.hours, minutes / 60 % 24) || !bit(rule.months, date.month))
    return false;
  const bool tomorrow_is_first = date_of_day(day_of(t) + 1).day == 1;
  const bool day = bit(rule.days, date.day) || (rule.last_day && tomorrow_is_first);
  const bool weekday = bit(rule.weekdays, (minutes / 1440 + 4) % 7);
  if (!rule.any_day && !rule.any_weekday) return day || weekday;
  return day && weekday;
}

std::string random_field(Random& random, int low, int high) {
  const auto value = [&] { return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1))); };
  switch (random.below(4)) {
    case 0:
      return "*";
    case 1:
      return std::to_string(value());
    case 2: {
      const int a = value();
      const int b = value();
      return std::to_string(std::min(a, b)) + "-" + std::to_string(std::max(a, b));
    }
    default:
      return std::to_string(value()) + ",*/" + std::to_string(1 + random.below(static_cast<std::uint64_t>(high)));
  }
}

Schedule sample(std::string_view when, std::string_view created) {
  Schedule schedule;
  schedule.id = ScheduleId("sch_1");
  schedule.account = AccountId("acme");
  schedule.when = when;
  schedule.created_at = at(created);
  resume(schedule, schedule.created_at);
  return schedule;
}

TEST_CASE("schedule: daily, weekly and monthly begin with the day, Monday and the first") {
  CHECK(due_after("daily", "2026-02-28T00:00:00Z") == "2026-03-01T00:00:00Z");
  CHECK(due_after("daily", "2024-02-28T23:59:59Z") == "2024-02-29T00:00:00Z");
  CHECK(due_after("weekly", "2026-11-22T12:00:00Z") == "2026-11-23T00:00:00Z");
  CHECK(due_after("weekly", "2026-11-23T00:00:00Z") == "2026-11-30T00:00:00Z");
  CHECK(due_after("monthly", "2026-01-31T10:00:00Z") == "2026-02-01T00:00:00Z");
  CHECK(due_after("monthly", "2026-12-01T00:00:00Z") == "2027-01-01T00:00:00Z");
}

TEST_CASE("schedule: a due time is later than the one before, by at least a minute") {
  CHECK(due_after("* * * * *", "2026-02-03T04:05:00Z") == "2026-02-03T04:06:00Z");
  CHECK(due_after("* * * * *", "2026-02-03T04:05:59.999Z") == "2026-02-03T04:06:00Z");
  CHECK(due_after("5 4 * * *", "2026-02-03T04:05:00Z") == "2026-02-04T04:05:00Z");
  CHECK(due_after("5 4 * * *", "2026-02-03T04:04:59Z") == "2026-02-03T04:05:00Z");
}

TEST_CASE("schedule: months without the day are passed over, and L is the last day of each") {
  CHECK(due_after("0 0 31 * *", "2026-01-31T00:00:00Z") == "2026-03-31T00:00:00Z");
  CHECK(due_after("0 0 30 1,2 *", "2026-01-30T00:00:00Z") == "2027-01-30T00:00:00Z");
  CHECK(due_after("0 6 L * *", "2026-01-31T06:00:00Z") == "2026-02-28T06:00:00Z");
  CHECK(due_after("0 6 L * *", "2024-01-31T06:00:00Z") == "2024-02-29T06:00:00Z");
  CHECK(due_after("0 6 15,L * *", "2026-04-15T06:00:00Z") == "2026-04-30T06:00:00Z");
}

TEST_CASE("schedule: 29 February is found over leap years, the missing one of 2100 too") {
  CHECK(due_after("0 0 29 2 *", "2024-02-29T00:00:00Z") == "2028-02-29T00:00:00Z");
  CHECK(due_after("0 0 29 2 *", "2096-02-29T00:00:00Z") == "2104-02-29T00:00:00Z");
  CHECK(due_after("59 23 31 12 *", "9999-12-31T23:58:00Z") == "9999-12-31T23:59:00Z");
  CHECK(due_after("* * * * *", "9999-12-31T23:59:00Z") == "never");
}

TEST_CASE("schedule: of two day fields one is enough, of one it is that one") {
  CHECK(due_after("0 0 13 * 5", "2026-11-20T00:00:00Z") == "2026-11-27T00:00:00Z");
  CHECK(due_after("0 0 13 * 5", "2026-12-11T00:00:00Z") == "2026-12-13T00:00:00Z");
  CHECK(due_after("0 0 13 * *", "2026-12-11T00:00:00Z") == "2026-12-13T00:00:00Z");
  CHECK(due_after("0 0 * * 5", "2026-12-11T00:00:00Z") == "2026-12-18T00:00:00Z");
}

TEST_CASE("schedule: lists, ranges, steps and names are read as everywhere") {
  CHECK(due_after("*/15 9-17 * * mon-fri", "2026-11-20T17:45:00Z") == "2026-11-23T09:00:00Z");
  CHECK(due_after("10-50/20 8 * JAN,mar *", "2026-01-31T08:30:00Z") == "2026-01-31T08:50:00Z");
  CHECK(due_after("10-50/20 8 * JAN,mar *", "2026-01-31T08:50:00Z") == "2026-03-01T08:10:00Z");
  CHECK(due_after("0 0 * * 7", "2026-11-20T00:00:00Z") == due_after("0 0 * * 0", "2026-11-20T00:00:00Z"));
  CHECK(due_after("  0   0 * * sun ", "2026-11-20T00:00:00Z") == "2026-11-22T00:00:00Z");
}

TEST_CASE("schedule: what is no rule is refused, and so is one that no date fits") {
  for (const std::string_view bad :
       {"",           "hourly",      "Daily",       "* * * *",           "* * * * * *",        "60 * * * *",
        "-1 * * * *", "* 24 * * *",  "* * 0 * *",   "* * 32 * *",        "* * * 13 *",         "* * * 0 *",
        "* * * * 8",  "5-1 * * * *", "*/0 * * * *", "*/60 * * * *",      "5/10 * * * *",       "1,,2 * * * *",
        "1- * * * *", "x * * * *",   "* * * foo *", "* * * * monday",    "+1 * * * *",         "1.5 * * * *",
        "L * * * *",  "* * * * L",   "0 0 30 2 *",  "0 0 31 4,6,9,11 *", "99999999999 * * * *"}) {
    CAPTURE(bad);
    CHECK(!parse_cron(bad).has_value());
  }
}

TEST_CASE("schedule: the next due time is the first that a look at every minute finds") {
  SeededRandom random(20261122);
  for (int round = 0; round < 400; ++round) {
    const std::string line = random_field(random, 0, 59) + " " + random_field(random, 0, 23) + " " +
                             (random.below(8) == 0 ? "L" : random_field(random, 1, 31)) + " " +
                             random_field(random, 1, 12) + " " + random_field(random, 0, 6);
    CAPTURE(line);
    const auto rule = parse_cron(line);
    if (!rule) continue;  // no date fits
    const UtcTime after =
        UtcTime::from_ms(at("2023-12-25T00:00:00Z").ms() + static_cast<std::int64_t>(random.below(500ull * day_ms)));
    CAPTURE(after.to_string());
    const UtcTime due = next_due(*rule, after).value();
    CHECK(fits(*rule, due));
    CHECK(due.ms() % minute_ms == 0);
    // Far ones are looked at for the first and the last weeks.
    constexpr std::int64_t looked_at = 10 * day_ms;
    std::int64_t early = 0;
    for (UtcTime t = UtcTime::from_ms((after.ms() / minute_ms + 1) * minute_ms); t < due; t = t + minute_ms) {
      if (t > after + looked_at && t + looked_at < due) t = due - looked_at;
      early += fits(*rule, t) ? 1 : 0;
    }
    CHECK(early == 0);
  }
}

TEST_CASE("schedule: a period is the last one that was over at the due time") {
  const auto range = [](std::string_view word, std::string_view due) {
    const auto resolved = resolve_period(word, at(due)).value();
    return resolved.from.to_string() + " " + resolved.to.to_string();
  };
  CHECK(range("previous_hour", "2026-03-01T00:10:00Z") == "2026-02-28T23:00:00Z 2026-03-01T00:00:00Z");
  CHECK(range("previous_day", "2024-03-01T00:00:00Z") == "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z");
  CHECK(range("previous_week", "2026-11-22T23:59:00Z") == "2026-11-09T00:00:00Z 2026-11-16T00:00:00Z");
  CHECK(range("previous_week", "2026-11-23T00:00:00Z") == "2026-11-16T00:00:00Z 2026-11-23T00:00:00Z");
  CHECK(range("previous_month", "2026-03-31T12:00:00Z") == "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z");
  CHECK(range("previous_month", "2026-01-01T00:00:00Z") == "2025-12-01T00:00:00Z 2026-01-01T00:00:00Z");
  CHECK(range("previous_year", "2026-01-01T00:00:00Z") == "2025-01-01T00:00:00Z 2026-01-01T00:00:00Z");
  CHECK(!resolve_period("last_month", at("2026-01-01")).has_value());
}

TEST_CASE("schedule: each due time of the last week fires once after downtime, older ones are counted") {
  Schedule schedule = sample("daily", "2026-01-01T12:00:00Z");
  CHECK(schedule.next_due == at("2026-01-02T00:00:00Z"));
  CHECK(!due_at(schedule, at("2026-01-01T23:59:59Z")));
  const UtcTime now = at("2026-01-20T06:00:00Z");
  std::vector<std::string> fired;
  while (const auto due = due_at(schedule, now)) {
    CHECK(due == due_at(schedule, now));  // until it is settled
    fired.push_back(due->to_string().substr(0, 10));
    settle_due(schedule, RequestId("r"), "");
  }
  CHECK(fired == std::vector<std::string>{"2026-01-14", "2026-01-15", "2026-01-16", "2026-01-17", "2026-01-18",
                                          "2026-01-19", "2026-01-20"});
  CHECK(schedule.skipped == 12);
  CHECK(schedule.fired == 7);
  CHECK(schedule.last_due == at("2026-01-20"));
  CHECK(schedule.next_due == at("2026-01-21"));
}

TEST_CASE("schedule: the latest due time that was missed fires however long ago it was") {
  Schedule schedule = sample("monthly", "2026-01-15T00:00:00Z");
  const UtcTime now = at("2026-06-20T00:00:00Z");
  CHECK(due_at(schedule, now) == at("2026-06-01"));
  CHECK(schedule.skipped == 4);
  settle_due(schedule, RequestId("r"), "");
  CHECK(!due_at(schedule, now));
  CHECK(schedule.next_due == at("2026-07-01"));
}

TEST_CASE("schedule: what could not be made is counted and told, and the next one comes") {
  Schedule schedule = sample("monthly", "2026-01-01T12:00:00Z");
  REQUIRE(due_at(schedule, at("2026-02-01T00:00:00Z")));
  settle_due(schedule, RequestId(), "no such account");
  CHECK(schedule.fired == 0);
  CHECK(schedule.skipped == 1);
  CHECK(schedule.last_error == "no such account");
  CHECK(schedule.next_due == at("2026-03-01"));
}

TEST_CASE("schedule: while it is paused nothing is due, and what was not does not come later") {
  Schedule schedule = sample("daily", "2026-01-01T12:00:00Z");
  pause(schedule);
  CHECK(!due_at(schedule, at("2026-01-05T00:00:00Z")));
  resume(schedule, at("2026-01-05T09:00:00Z"));
  CHECK(schedule.next_due == at("2026-01-06"));
  CHECK(schedule.skipped == 0);
  resume(schedule, at("2026-01-07T09:00:00Z"));
  CHECK(schedule.next_due == at("2026-01-06"));  // it was active: nothing is lost
}

TEST_CASE("schedule: a stored schedule is read back whole, and bytes that no encoder wrote are corrupt") {
  Schedule schedule = sample("0 6 L * *", "2026-01-01T12:00:00Z");
  schedule.name = "month end";
  schedule.report = R"({"type":"usage"})";
  schedule.callback_url = "https://example.com/";
  settle_due(schedule, RequestId("r1"), "");
  schedule.last_error = "x";
  const auto read = decode_schedule(encode(schedule));
  REQUIRE(read.has_value());
  CHECK(encode(*read) == encode(schedule));
  CHECK(read->when == "0 6 L * *");
  CHECK(read->last_request == RequestId("r1"));
  CHECK(read->next_due == at("2026-02-28T06:00:00Z"));
  pause(schedule);
  CHECK(decode_schedule(encode(schedule))->status == ScheduleStatus::paused);
  SeededRandom random(3);
  CHECK(refuses_prefixes_and_survives_noise(
      encode(schedule), random, [](const std::string& bytes) { return decode_schedule(bytes).has_value(); }));
}

}  // namespace schedule_test

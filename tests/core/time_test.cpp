#include "core/time.h"

#include <doctest/doctest.h>

#include "core/manual.h"

namespace time_test {

using namespace tally;

namespace {

UtcTime at(std::string_view text) {
  CAPTURE(text);
  const auto t = UtcTime::parse(text);
  REQUIRE(t);
  return *t;
}

}  // namespace

TEST_CASE("time: ISO 8601 is read in all its documented forms") {
  CHECK(at("1970-01-01").ms() == 0);
  CHECK(at("2026-02-03").ms() == 1'770'076'800'000);
  CHECK(at("2026-02-03T04:05Z").ms() == 1'770'091'500'000);
  CHECK(at("2026-02-03T04:05:06Z").ms() == 1'770'091'506'000);
  CHECK(at("2026-02-03T04:05:06.789Z").ms() == 1'770'091'506'789);
  CHECK(at("2026-02-03T04:05:06.7Z").ms() == 1'770'091'506'700);
  CHECK(at("2026-02-03T04:05:06.78Z").ms() == 1'770'091'506'780);
  CHECK(at("2026-02-03T06:35:06+02:30") == at("2026-02-03T04:05:06Z"));
  CHECK(at("2026-02-02T23:05:06-05:00") == at("2026-02-03T04:05:06Z"));
  CHECK(at("2026-02-03T04:05:06-00:00") == at("2026-02-03T04:05:06Z"));
  CHECK(at("2024-02-29").ms() == 1'709'164'800'000);
  CHECK(at("2000-02-29T23:59:59Z").ms() == 951'868'799'000);
  CHECK(at("9999-12-31T23:59:59.999Z") == utc_time_max);
}

TEST_CASE("time: a fraction is cut to milliseconds, however long it is") {
  CHECK(at("1970-01-01T00:00:00.9999999999Z").ms() == 999);
  CHECK(at("1970-01-01T00:00:00.0009Z").ms() == 0);
  CHECK(at("1970-01-01T00:00:00." + std::string(500, '1') + "Z").ms() == 111);
}

TEST_CASE("time: impossible and badly written times are refused") {
  for (const std::string_view text : {"",
                                      "2026",
                                      "2026-02",
                                      "2026-2-3",
                                      "2026-02-29",
                                      "2025-02-29",
                                      "2100-02-29",
                                      "2026-04-31",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-01-00",
                                      "2026-01-32",
                                      "1969-12-31",
                                      "0000-01-01",
                                      "10000-01-01",
                                      "2026-02-03T",
                                      "2026-02-03Z",
                                      "2026-02-03T04Z",
                                      "2026-02-03T04:05",
                                      "2026-02-03T04:05:06",
                                      "2026-02-03T24:00:00Z",
                                      "2026-02-03T23:60:00Z",
                                      "2026-02-03T23:59:60Z",
                                      "2026-02-03T04:05:06.Z",
                                      "2026-02-03T04:05.5Z",
                                      "2026-02-03T04:05:06z",
                                      "2026-02-03t04:05:06Z",
                                      "2026-02-03 04:05:06Z",
                                      "2026-02-03T04:05:06+2:00",
                                      "2026-02-03T04:05:06+0200",
                                      "2026-02-03T04:05:06+24:00",
                                      "2026-02-03T04:05:06+01:60",
                                      "2026-02-03T04:05:06ZZ",
                                      " 2026-02-03",
                                      "2026-02-03 ",
                                      "2026-02-03T04:05:06Z ",
                                      "+2026-02-03",
                                      "2026/02/03",
                                      "2026-02-03T-4:05:06Z",
                                      "1970-01-01T00:00:00+00:01",
                                      "9999-12-31T23:59:59-00:01",
                                      "20260203"}) {
    CAPTURE(text);
    const auto t = UtcTime::parse(text);
    REQUIRE_FALSE(t);
    CHECK(t.error().code == Errc::invalid_argument);
  }
  CHECK_FALSE(UtcTime::parse(std::string_view("2026-02-03\0", 11)));
  CHECK_FALSE(UtcTime::parse(std::string_view("2026-02-03T04:05:06+99:99\0", 26)));
}

TEST_CASE("time: shown with milliseconds only when there are any") {
  CHECK(UtcTime::from_ms(1'770'091'506'000).to_string() == "2026-02-03T04:05:06Z");
  CHECK(UtcTime::from_ms(1'770'091'506'789).to_string() == "2026-02-03T04:05:06.789Z");
  CHECK(UtcTime::from_ms(7).to_string() == "1970-01-01T00:00:00.007Z");
  CHECK(utc_time_max.to_string() == "9999-12-31T23:59:59.999Z");
}

TEST_CASE("time: an HTTP date names the right weekday") {
  CHECK(at("2026-02-03T04:05:06Z").to_http_date() == "Tue, 03 Feb 2026 04:05:06 GMT");
  CHECK(at("1994-11-06T08:49:37Z").to_http_date() == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(UtcTime().to_http_date() == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(at("2024-02-29").to_http_date() == "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST_CASE("time: shown and read again is the same instant") {
  SeededRandom random(3);
  for (int i = 0; i < 20'000; ++i) {
    const UtcTime t = UtcTime::from_ms(static_cast<std::int64_t>(random.below(utc_time_max.ms() + 1ull)));
    REQUIRE(at(t.to_string()) == t);
  }
}

TEST_CASE("time: the calendar agrees with counting day by day from 1970 to 9999") {
  Date date;
  std::int32_t day = 0;
  std::int32_t month = 0;
  for (; date.year < 10'000; ++day) {
    if (date_of_day(day) != date || day_number(date) != day) FAIL("day " << day);
    if (date.day == 1 && (first_day_of_month(month) != day || month_of(start_of_day(day)) != month))
      FAIL("month " << month);
    const bool leap = date.year % 400 == 0 || (date.year % 4 == 0 && date.year % 100 != 0);
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (days_in_month(date.year, date.month) != lengths[date.month - 1]) FAIL("length of month " << month);
    if (++date.day > lengths[date.month - 1]) {
      date.day = 1;
      ++month;
      if (++date.month > 12) {
        date.month = 1;
        ++date.year;
      }
    }
  }
  CHECK(start_of_day(day).ms() == utc_time_max.ms() + 1);
}

TEST_CASE("time: days before 1970 are counted backwards, not towards zero") {
  CHECK(date_of_day(-1) == Date{1969, 12, 31});
  CHECK(day_number({1969, 12, 31}) == -1);
  CHECK(day_number({0, 3, 1}) == -719'468);
  CHECK(date_of_day(-719'468 - 1) == Date{0, 2, 29});
  CHECK(day_of(UtcTime::from_ms(-1)) == -1);
  CHECK(hour_of_day(UtcTime::from_ms(-1)) == 23);
  CHECK(month_of(UtcTime::from_ms(-1)) == -1);
  CHECK(start_of_month(-1) == start_of_day(-31));
}

TEST_CASE("time: indices are those of the UTC calendar") {
  const UtcTime t = at("2026-02-28T23:59:59.999Z");
  CHECK(day_of(t) == day_number({2026, 2, 28}));
  CHECK(month_of(t) == (2026 - 1970) * 12 + 1);
  CHECK(hour_of_day(t) == 23);
  CHECK(start_of_month(month_of(t)) == at("2026-02-01"));
  CHECK(day_of(t + 1) == day_of(t) + 1);
  CHECK(month_of(t + 1) == month_of(t) + 1);
  CHECK(hour_of_day(t + 1) == 0);
}

TEST_CASE("time: a month later than the 31st is the target month's last day") {
  CHECK(add_months(at("2026-01-31"), 1) == at("2026-02-28"));
  CHECK(add_months(at("2024-01-31"), 1) == at("2024-02-29"));
  CHECK(add_months(at("2026-03-31T12:34:56.789Z"), 1) == at("2026-04-30T12:34:56.789Z"));
  CHECK(add_months(at("2024-02-29"), 12) == at("2025-02-28"));
  CHECK(add_months(at("2024-02-29"), 48) == at("2028-02-29"));
  CHECK(add_months(at("2026-01-15"), 0) == at("2026-01-15"));
  CHECK(add_months(at("2026-12-31"), 2) == at("2027-02-28"));
  CHECK(add_months(at("2026-03-31"), -1) == at("2026-02-28"));
  CHECK(add_months(at("2026-01-31"), -13) == at("2024-12-31"));
}

TEST_CASE("time: periods begin and end on the calendar") {
  const UtcTime t = at("2024-02-29T13:14:15.016Z");
  CHECK(floor_to(Granularity::hour, t) == at("2024-02-29T13:00Z"));
  CHECK(floor_to(Granularity::total, t) == at("2024-02-29T13:00Z"));
  CHECK(floor_to(Granularity::day, t) == at("2024-02-29"));
  CHECK(floor_to(Granularity::month, t) == at("2024-02-01"));
  CHECK(floor_to(Granularity::year, t) == at("2024-01-01"));
  CHECK(next_after(Granularity::hour, t) == at("2024-02-29T14:00Z"));
  CHECK(next_after(Granularity::total, t) == at("2024-02-29T14:00Z"));
  CHECK(next_after(Granularity::day, t) == at("2024-03-01"));
  CHECK(next_after(Granularity::month, t) == at("2024-03-01"));
  CHECK(next_after(Granularity::year, t) == at("2025-01-01"));
  CHECK(next_after(Granularity::month, at("2024-12-01")) == at("2025-01-01"));
}

TEST_CASE("time: a period starts no later than its instants and the next one after them") {
  SeededRandom random(9);
  for (int i = 0; i < 5000; ++i) {
    const UtcTime t = UtcTime::from_ms(static_cast<std::int64_t>(random.below(4'102'444'800'000)));
    for (const auto granularity : {Granularity::hour, Granularity::day, Granularity::month, Granularity::year}) {
      const UtcTime start = floor_to(granularity, t);
      const UtcTime next = next_after(granularity, t);
      REQUIRE(start <= t);
      REQUIRE(t < next);
      REQUIRE(floor_to(granularity, start) == start);
      REQUIRE(floor_to(granularity, next - 1) == start);
      REQUIRE(floor_to(granularity, next) == next);
    }
  }
}

TEST_CASE("time: granularities have words, and only these") {
  for (const auto granularity :
       {Granularity::hour, Granularity::day, Granularity::month, Granularity::year, Granularity::total}) {
    CHECK(parse_granularity(to_string(granularity)).value() == granularity);
  }
  CHECK(to_string(Granularity::month) == "month");
  for (const char* word : {"", "Day", "daily", "unknown", "week"}) {
    CHECK(parse_granularity(word).error().rule == "invalid_granularity");
  }
}

}  // namespace time_test

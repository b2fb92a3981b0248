// UTC instants and the calendar. Stored and shown times are UtcTime; timeouts are measured with MonoTime
// (core/clock.h).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tally {

// Milliseconds since 1970-01-01T00:00:00Z, in the years 1970 to 9999.
class UtcTime {
 public:
  constexpr UtcTime() noexcept = default;
  static constexpr UtcTime from_ms(std::int64_t ms) noexcept { return UtcTime(ms); }

  // Reads ISO 8601: `YYYY-MM-DD` (midnight), or `YYYY-MM-DDTHH:MM[:SS[.fraction]]` followed by `Z` or `±HH:MM`; the
  // fraction is cut to milliseconds. A calendar-impossible date, second 60, or a year outside 1970-9999 is
  // Errc::invalid_argument.
  static Result<UtcTime> parse(std::string_view iso8601);

  constexpr std::int64_t ms() const noexcept { return ms_; }
  constexpr std::int64_t seconds() const noexcept { return ms_ / 1000; }
  // "2026-02-03T04:05:06Z", with ".789" only when there are milliseconds.
  std::string to_string() const;
  // RFC 9110 IMF-fixdate: "Tue, 03 Feb 2026 04:05:06 GMT".
  std::string to_http_date() const;

  friend constexpr auto operator<=>(UtcTime, UtcTime) noexcept = default;
  friend constexpr UtcTime operator+(UtcTime t, std::int64_t ms) noexcept { return UtcTime(t.ms_ + ms); }
  friend constexpr UtcTime operator-(UtcTime t, std::int64_t ms) noexcept { return UtcTime(t.ms_ - ms); }

 private:
  explicit constexpr UtcTime(std::int64_t ms) noexcept : ms_(ms) {}
  std::int64_t ms_ = 0;
};

inline constexpr UtcTime utc_time_max = UtcTime::from_ms(253'402'300'799'999);  // 9999-12-31T23:59:59.999Z

inline constexpr std::int64_t second_ms = 1000;
inline constexpr std::int64_t minute_ms = 60 * second_ms;
inline constexpr std::int64_t hour_ms = 60 * minute_ms;
inline constexpr std::int64_t day_ms = 24 * hour_ms;

// A civil date of the proleptic Gregorian calendar.
struct Date {
  int year = 1970;
  int month = 1;  // 1..12
  int day = 1;    // 1..31
  friend constexpr auto operator<=>(const Date&, const Date&) noexcept = default;
};

// Days since 1970-01-01 and back.
std::int32_t day_number(Date date) noexcept;
Date date_of_day(std::int32_t day) noexcept;
int days_in_month(int year, int month) noexcept;

// The calendar indices that rollups are keyed by: all count from 1970 in UTC.
std::int32_t day_of(UtcTime t) noexcept;
std::int32_t month_of(UtcTime t) noexcept;  // (year - 1970) * 12 + month - 1
int hour_of_day(UtcTime t) noexcept;        // 0..23
UtcTime start_of_day(std::int32_t day) noexcept;
UtcTime start_of_month(std::int32_t month) noexcept;
std::int32_t first_day_of_month(std::int32_t month) noexcept;

// `months` calendar months later at the same time of day; a day that the target month lacks becomes its last day
// (31 January + 1 month = 28 or 29 February).
UtcTime add_months(UtcTime t, int months) noexcept;

enum class Granularity : std::uint8_t { hour = 1, day, month, year, total };
std::string_view to_string(Granularity granularity) noexcept;
Result<Granularity> parse_granularity(std::string_view word);

// The start of the period of `granularity` that holds `t`, and of the next one. `total` counts as `hour` here, as the
// contract lets a total range begin at any hour.
UtcTime floor_to(Granularity granularity, UtcTime t) noexcept;
UtcTime next_after(Granularity granularity, UtcTime t) noexcept;

// Half-open: from <= t < to.
struct TimeRange {
  UtcTime from;
  UtcTime to;
  friend constexpr bool operator==(const TimeRange&, const TimeRange&) noexcept = default;
};

}  // namespace tally

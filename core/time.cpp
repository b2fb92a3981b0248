#include "core/time.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tally {
namespace {

constexpr int year_min = 1970;

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}
constexpr std::int64_t floor_mod(std::int64_t a, std::int64_t b) noexcept {
  return a - floor_div(a, b) * b;
}

constexpr bool is_leap(std::int64_t year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// The calendar repeats every 400 years. Counting years from March puts the leap day at a year's end, so that a month's
// first day in its year is a straight line: (153 * month + 2) / 5.
constexpr std::int64_t days_per_era = 146'097;
constexpr std::int64_t days_from_era_to_1970 = 719'468;  // from 0000-03-01

constexpr std::int64_t days_from_civil(std::int64_t year, int month, int day) noexcept {
  const std::int64_t march_year = month <= 2 ? year - 1 : year;
  const std::int64_t era = floor_div(march_year, 400);
  const std::int64_t year_of_era = march_year - era * 400;
  const std::int64_t march_month = (month + 9) % 12;
  const std::int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * days_per_era + day_of_era - days_from_era_to_1970;
}

constexpr Date civil_from_days(std::int64_t days) noexcept {
  const std::int64_t shifted = days + days_from_era_to_1970;
  const std::int64_t era = floor_div(shifted, days_per_era);
  const std::int64_t day_of_era = shifted - era * days_per_era;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t march_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1);
  const int month = static_cast<int>(march_month < 10 ? march_month + 3 : march_month - 9);
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  return {static_cast<int>(year), month, day};
}

Date date_of(UtcTime t) noexcept {
  return civil_from_days(floor_div(t.ms(), day_ms));
}

constexpr std::int64_t ms_of_date(std::int64_t year, int month, int day) noexcept {
  return days_from_civil(year, month, day) * day_ms;
}

// Of at most `width` digits, as all parts of a time have up to utc_time_max.
void append_number(std::string& out, std::int64_t value, std::size_t width) {
  out.resize(out.size() + width);
  for (char* digit = &out.back(); width > 0; --width, value /= 10) *digit-- = static_cast<char>('0' + value % 10);
}

void append_clock(std::string& out, std::int64_t ms_of_day) {
  append_number(out, ms_of_day / hour_ms, 2);
  out.push_back(':');
  append_number(out, ms_of_day / minute_ms % 60, 2);
  out.push_back(':');
  append_number(out, ms_of_day / second_ms % 60, 2);
}

// Takes fixed pieces off the front of a text; after a failure the rest does not matter.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return rest_.empty(); }
  void reject() noexcept { ok_ = false; }

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + digit();
    return value;
  }
  void expect(char c) {
    if (!accept(c)) reject();
  }
  bool accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_digit() const noexcept { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }
  int digit() {
    if (!at_digit()) {
      reject();
      return 0;
    }
    const int value = rest_.front() - '0';
    rest_.remove_prefix(1);
    return value;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::int64_t scan_fraction_ms(Scanner& in) {
  std::int64_t ms = 0;
  std::int64_t scale = 100;
  do {
    ms += in.digit() * scale;
    scale /= 10;
  } while (in.at_digit());
  return ms;
}

// What is to be taken off a local time to have UTC.
std::int64_t scan_offset_ms(Scanner& in) {
  if (in.accept('Z')) return 0;
  const bool east = in.accept('+');
  if (!east) in.expect('-');
  const int hours = in.digits(2);
  in.expect(':');
  const int minutes = in.digits(2);
  if (hours > 23 || minutes > 59) in.reject();
  const std::int64_t offset = hours * hour_ms + minutes * minute_ms;
  return east ? offset : -offset;
}

std::optional<std::int64_t> scan_time_of_day_ms(Scanner& in) {
  const int hour = in.digits(2);
  in.expect(':');
  const int minute = in.digits(2);
  int second = 0;
  std::int64_t fraction_ms = 0;
  if (in.accept(':')) {
    second = in.digits(2);
    if (in.accept('.')) fraction_ms = scan_fraction_ms(in);
  }
  if (!in.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return hour * hour_ms + minute * minute_ms + second * second_ms + fraction_ms;
}

Error invalid_time() {
  return fail(Errc::invalid_argument, "a time is YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ in 1970 to 9999");
}

}  // namespace

Result<UtcTime> UtcTime::parse(std::string_view iso8601) {
  Scanner in(iso8601);
  const int year = in.digits(4);
  in.expect('-');
  const int month = in.digits(2);
  in.expect('-');
  const int day = in.digits(2);
  if (!in.ok() || year < year_min || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return invalid_time();
  }
  std::int64_t ms = ms_of_date(year, month, day);
  if (!in.at_end()) {
    in.expect('T');
    const auto time_of_day = scan_time_of_day_ms(in);
    if (!time_of_day) return invalid_time();
    ms += *time_of_day - scan_offset_ms(in);
    if (!in.ok() || !in.at_end()) return invalid_time();
  }
  const UtcTime t = from_ms(ms);
  if (t < UtcTime() || t > utc_time_max) return invalid_time();
  return t;
}

std::string UtcTime::to_string() const {
  const Date date = date_of(*this);
  const std::int64_t ms_of_day = floor_mod(ms_, day_ms);
  std::string text;
  text.reserve(24);
  append_number(text, date.year, 4);
  text.push_back('-');
  append_number(text, date.month, 2);
  text.push_back('-');
  append_number(text, date.day, 2);
  text.push_back('T');
  append_clock(text, ms_of_day);
  if (ms_of_day % second_ms != 0) {
    text.push_back('.');
    append_number(text, ms_of_day % second_ms, 3);
  }
  text.push_back('Z');
  return text;
}

std::string UtcTime::to_http_date() const {
  static constexpr std::array<std::string_view, 7> weekdays = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  static constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Date date = date_of(*this);
  std::string text(weekdays[static_cast<std::size_t>(floor_mod(floor_div(ms_, day_ms), 7))]);
  text += ", ";
  append_number(text, date.day, 2);
  text.push_back(' ');
  text += months[static_cast<std::size_t>(date.month - 1)];
  text.push_back(' ');
  append_number(text, date.year, 4);
  text.push_back(' ');
  append_clock(text, floor_mod(ms_, day_ms));
  text += " GMT";
  return text;
}

std::int32_t day_number(Date date) noexcept {
  return static_cast<std::int32_t>(days_from_civil(date.year, date.month, date.day));
}

Date date_of_day(std::int32_t day) noexcept {
  return civil_from_days(day);
}

int days_in_month(int year, int month) noexcept {
  if (month == 2) return is_leap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

std::int32_t day_of(UtcTime t) noexcept {
  return static_cast<std::int32_t>(floor_div(t.ms(), day_ms));
}

std::int32_t month_of(UtcTime t) noexcept {
  const Date date = date_of(t);
  return (date.year - 1970) * 12 + date.month - 1;
}

int hour_of_day(UtcTime t) noexcept {
  return static_cast<int>(floor_mod(t.ms(), day_ms) / hour_ms);
}

UtcTime start_of_day(std::int32_t day) noexcept {
  return UtcTime::from_ms(day * day_ms);
}

UtcTime start_of_month(std::int32_t month) noexcept {
  return UtcTime::from_ms(ms_of_date(1970 + floor_div(month, 12), static_cast<int>(floor_mod(month, 12)) + 1, 1));
}

std::int32_t first_day_of_month(std::int32_t month) noexcept {
  return day_of(start_of_month(month));
}

UtcTime add_months(UtcTime t, int months) noexcept {
  const Date date = date_of(t);
  const std::int64_t target = std::int64_t{date.year} * 12 + date.month - 1 + months;
  const std::int64_t year = floor_div(target, 12);
  const int month = static_cast<int>(floor_mod(target, 12)) + 1;
  const int day = std::min(date.day, days_in_month(static_cast<int>(year), month));
  return UtcTime::from_ms(ms_of_date(year, month, day) + floor_mod(t.ms(), day_ms));
}

std::string_view to_string(Granularity granularity) noexcept {
  switch (granularity) {
    case Granularity::hour:
      return "hour";
    case Granularity::day:
      return "day";
    case Granularity::month:
      return "month";
    case Granularity::year:
      return "year";
    case Granularity::total:
      return "total";
  }
  return "unknown";
}

Result<Granularity> parse_granularity(std::string_view word) {
  for (const auto granularity :
       {Granularity::hour, Granularity::day, Granularity::month, Granularity::year, Granularity::total}) {
    if (word == to_string(granularity)) return granularity;
  }
  return fail(Errc::invalid_argument, "granularity is hour, day, month, year or total", "invalid_granularity");
}

UtcTime floor_to(Granularity granularity, UtcTime t) noexcept {
  switch (granularity) {
    case Granularity::hour:
    case Granularity::total:
      return t - floor_mod(t.ms(), hour_ms);
    case Granularity::day:
      return t - floor_mod(t.ms(), day_ms);
    case Granularity::month:
      return start_of_month(month_of(t));
    case Granularity::year:
      return UtcTime::from_ms(ms_of_date(date_of(t).year, 1, 1));
  }
  return t;
}

UtcTime next_after(Granularity granularity, UtcTime t) noexcept {
  const UtcTime start = floor_to(granularity, t);
  switch (granularity) {
    case Granularity::hour:
    case Granularity::total:
      return start + hour_ms;
    case Granularity::day:
      return start + day_ms;
    case Granularity::month:
      return start_of_month(month_of(start) + 1);
    case Granularity::year:
      return add_months(start, 12);
  }
  return start;
}

}  // namespace tally

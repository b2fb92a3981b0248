#include "tools/tally/time_words.h"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace tally::tools {
namespace {

using Words = std::vector<std::string>;

constexpr std::array<std::string_view, 12> month_names = {"january",   "february", "march",    "april",
                                                          "may",       "june",     "july",     "august",
                                                          "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> day_names = {"monday", "tuesday",  "wednesday", "thursday",
                                                       "friday", "saturday", "sunday"};

Words words_of(std::string_view text) {
  Words words(1);
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back().push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

// By its whole name or its first three letters or more.
template <std::size_t N>
std::optional<int> named(const std::array<std::string_view, N>& names, std::string_view word) {
  for (std::size_t i = 0; i < N && word.size() >= 3; ++i) {
    if (names[i].starts_with(word)) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::optional<int> whole(std::string_view word) {
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || number < 0 || number > 100'000) return std::nullopt;
  return number;
}

int weekday(std::int32_t day) {
  return static_cast<int>((day + 3) % 7);  // from Monday; 1970-01-01 was a Thursday
}

std::optional<std::int32_t> month_number(const Words& words, UtcTime now) {
  const std::int32_t running = month_of(now);
  if (words.size() == 2 && words[1] == "month") {
    if (words[0] == "this") return running;
    if (words[0] == "last") return running - 1;
  }
  if (words.size() == 1 && words[0].size() == 7) {
    if (const auto first = UtcTime::parse(words[0] + "-01")) return month_of(*first);
  }
  const auto name = words.empty() ? std::nullopt : named(month_names, words[0]);
  if (!name) return std::nullopt;
  if (words.size() == 1) {
    const std::int32_t of_this_year = running / 12 * 12 + *name;
    return of_this_year <= running ? of_this_year : of_this_year - 12;
  }
  const auto year = whole(words[1]);
  if (words.size() != 2 || !year || *year < 1970 || *year > 9998) return std::nullopt;
  return (*year - 1970) * 12 + *name;
}

std::optional<UtcTime> ago(const Words& words, UtcTime now) {
  if (words.size() != 3 || words[2] != "ago") return std::nullopt;
  const auto count = whole(words[0]);
  if (!count) return std::nullopt;
  std::string_view unit = words[1];
  if (unit.ends_with('s')) unit.remove_suffix(1);
  const UtcTime today = start_of_day(day_of(now));
  if (unit == "hour") return now - *count * hour_ms;
  if (unit == "day") return today - *count * day_ms;
  if (unit == "week") return today - *count * 7 * day_ms;
  const int months = unit == "month" ? *count : unit == "year" ? *count * 12 : -1;
  if (months < 0 || months > month_of(now)) return std::nullopt;
  return add_months(today, -months);
}

std::optional<UtcTime> by_day(const Words& words, UtcTime now) {
  const std::int32_t today = day_of(now);
  if (words.size() == 1) {
    if (words[0] == "now") return now;
    if (words[0] == "today") return start_of_day(today);
    if (words[0] == "yesterday") return start_of_day(today - 1);
    if (words[0] == "tomorrow") return start_of_day(today + 1);
  }
  if (words.empty() || words.size() > 2) return std::nullopt;
  const bool last = words.size() == 2 && words[0] == "last";
  const bool next = words.size() == 2 && words[0] == "next";
  if (words.size() == 2 && !last && !next) return std::nullopt;
  const auto day = named(day_names, words.back());
  if (!day) return std::nullopt;
  const int back = (weekday(today) - *day + 7) % 7;
  return start_of_day(next ? today + 7 - back : today - (back == 0 ? 7 : back));
}

std::optional<UtcTime> by_period(const Words& words, UtcTime now) {
  if (words.size() != 2 || (words[0] != "this" && words[0] != "last")) return std::nullopt;
  const int back = words[0] == "last" ? 1 : 0;
  if (words[1] == "week") return start_of_day(day_of(now) - weekday(day_of(now)) - 7 * back);
  if (words[1] == "year") return start_of_month(month_of(now) / 12 * 12 - 12 * back);
  return std::nullopt;
}

}  // namespace

Result<UtcTime> time_in_words(std::string_view text, UtcTime now) {
  if (const auto written = UtcTime::parse(text)) return *written;
  const Words words = words_of(text);
  std::optional<UtcTime> found = by_day(words, now);
  if (!found) found = by_period(words, now);
  if (!found) found = ago(words, now);
  if (!found) {
    if (const auto month = month_number(words, now)) found = start_of_month(*month);
  }
  if (found && *found >= UtcTime()) return *found;
  return fail(Errc::invalid_argument,
              "`" + std::string(text) +
                  "` is no time: write 2026-02-01, 2026-02-01T04:00:00Z, yesterday, last monday, 3 days ago, october");
}

Result<TimeRange> month_in_words(std::string_view text, UtcTime now) {
  const auto month = month_number(words_of(text), now);
  if (!month || *month < 0)
    return fail(Errc::invalid_argument,
                "`" + std::string(text) + "` is no month: write 2026-02, february, february 2025, last month");
  return TimeRange{start_of_month(*month), start_of_month(*month + 1)};
}

}  // namespace tally::tools

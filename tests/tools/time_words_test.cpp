#include "tools/tally/time_words.h"

#include <doctest/doctest.h>

namespace time_words_test {

using namespace tally;
using namespace tally::tools;

const UtcTime sunday = UtcTime::parse("2026-11-22T15:30:45Z").value();

std::string at(std::string_view text, UtcTime now = sunday) {
  const auto time = time_in_words(text, now);
  return time ? time->to_string() : "no";
}
std::string month(std::string_view text, UtcTime now = sunday) {
  const auto range = month_in_words(text, now);
  return range ? range->from.to_string().substr(0, 10) + " " + range->to.to_string().substr(0, 10) : "no";
}

TEST_CASE("time words: instants are read as they are written") {
  CHECK(at("2026-02-01") == "2026-02-01T00:00:00Z");
  CHECK(at("2026-02-01T04:05:06Z") == "2026-02-01T04:05:06Z");
  CHECK(at("2026-02-01T04:05:06+02:00") == "2026-02-01T02:05:06Z");
}

TEST_CASE("time words: days begin at midnight, a weekday is the latest one before today") {
  CHECK(at("now") == "2026-11-22T15:30:45Z");
  CHECK(at("Today") == "2026-11-22T00:00:00Z");
  CHECK(at("yesterday") == "2026-11-21T00:00:00Z");
  CHECK(at("tomorrow") == "2026-11-23T00:00:00Z");
  CHECK(at("monday") == "2026-11-16T00:00:00Z");
  CHECK(at("last Monday") == "2026-11-16T00:00:00Z");
  CHECK(at("  last   mon ") == "2026-11-16T00:00:00Z");
  CHECK(at("sunday") == "2026-11-15T00:00:00Z");
  CHECK(at("saturday") == "2026-11-21T00:00:00Z");
  CHECK(at("next monday") == "2026-11-23T00:00:00Z");
  CHECK(at("next sunday") == "2026-11-29T00:00:00Z");
}

TEST_CASE("time words: weeks begin on Monday, months and years on their first day") {
  CHECK(at("this week") == "2026-11-16T00:00:00Z");
  CHECK(at("last week") == "2026-11-09T00:00:00Z");
  CHECK(at("this month") == "2026-11-01T00:00:00Z");
  CHECK(at("last month") == "2026-10-01T00:00:00Z");
  CHECK(at("this year") == "2026-01-01T00:00:00Z");
  CHECK(at("last year") == "2025-01-01T00:00:00Z");
  CHECK(at("last month", UtcTime::parse("2026-01-31").value()) == "2025-12-01T00:00:00Z");
}

TEST_CASE("time words: so long ago, by the calendar") {
  CHECK(at("3 days ago") == "2026-11-19T00:00:00Z");
  CHECK(at("1 day ago") == "2026-11-21T00:00:00Z");
  CHECK(at("2 hours ago") == "2026-11-22T13:30:45Z");
  CHECK(at("2 weeks ago") == "2026-11-08T00:00:00Z");
  CHECK(at("1 month ago", UtcTime::parse("2024-03-31").value()) == "2024-02-29T00:00:00Z");
  CHECK(at("2 years ago") == "2024-11-22T00:00:00Z");
}

TEST_CASE("time words: a month without a year is the latest that has begun") {
  CHECK(month("october") == "2026-10-01 2026-11-01");
  CHECK(month("Nov") == "2026-11-01 2026-12-01");
  CHECK(month("december") == "2025-12-01 2026-01-01");
  CHECK(month("sept") == "2026-09-01 2026-10-01");
  CHECK(month("february 2024") == "2024-02-01 2024-03-01");
  CHECK(month("2024-02") == "2024-02-01 2024-03-01");
  CHECK(month("this month") == "2026-11-01 2026-12-01");
  CHECK(month("last month") == "2026-10-01 2026-11-01");
  CHECK(at("october 2025") == "2025-10-01T00:00:00Z");
}

TEST_CASE("time words: what means nothing is refused, with examples") {
  for (const char* text :
       {"", "  ", "som day", "last", "ago", "-1 days ago", "x days ago", "3 fortnights ago", "oc", "octoberfest",
        "october 99999", "last yesterday", "2026-13-01", "next week", "999999 days ago", "3000 months ago"}) {
    CAPTURE(text);
    CHECK(at(text) == "no");
  }
  for (const char* text :
       {"", "2024", "2024-2", "2024-00", "2024-13", "2024/02", "2024-02-01", "xxxx-xx", "yesterday"}) {
    CAPTURE(text);
    CHECK(month(text) == "no");
  }
  CHECK(time_in_words("whenever", sunday).error().detail.find("last monday") != std::string::npos);
}

}  // namespace time_words_test

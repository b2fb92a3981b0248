// Times as people say them, in UTC. Pure.
#pragma once

#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace tally::tools {

// An instant: what UtcTime::parse reads, a month (its beginning), "now", "today", "yesterday", "tomorrow", a weekday
// ("monday", "last monday": the latest one before today; "next monday"), "this" or "last" with "week" (Monday), "month"
// or "year" (their beginnings), "N hours|days|weeks|months|years ago". Days begin at midnight. Upper and lower case are
// alike. Errc::invalid_argument for anything else.
Result<UtcTime> time_in_words(std::string_view text, UtcTime now);

// A whole month: "2026-10", "october", "oct" (the latest one that has begun), "october 2025", "this month", "last
// month".
Result<TimeRange> month_in_words(std::string_view text, UtcTime now);

}  // namespace tally::tools

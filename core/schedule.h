// Scheduled reports: when one is due, what period it is about, and what happens to due times that were missed.
//
// A due time is a whole minute in UTC. Each fires once. What was missed (the server was down, or could not write) fires
// late, one after the other, if it was due in the last schedule_catch_up_ms or is the latest that was missed; the
// others are skipped and counted. While a schedule is paused nothing is due.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "core/result.h"
#include "core/time.h"

namespace tally {

using ScheduleId = Id<struct ScheduleTag>;

inline constexpr std::int64_t schedule_catch_up_ms = 7 * day_ms;
inline constexpr std::size_t schedules_max = 10'000;

// A cron line, one bit for each value that a field allows.
struct CronRule {
  std::uint64_t minutes = 0;   // 0..59
  std::uint32_t hours = 0;     // 0..23
  std::uint32_t days = 0;      // 1..31
  bool last_day = false;       // "L": the last of the month, whichever it is
  std::uint32_t months = 0;    // 1..12
  std::uint32_t weekdays = 0;  // 0..6, from Sunday
  // A day must fit both day fields, unless neither is "*": then one of them is enough, as in every cron.
  bool any_day = false;
  bool any_weekday = false;
};

// "daily" (midnight), "weekly" (Monday's), "monthly" (that of the first), or five fields: minute, hour, day of the
// month, month, day of the week. A field is a comma-separated list of `*`, `N`, `N-M`, each perhaps with `/STEP`;
// months and weekdays may be named by three letters, 7 is Sunday too, `L` in the day field is the last of the month.
// Errc::invalid_argument for anything else, and for a rule that no date ever fits (30 February).
Result<CronRule> parse_cron(std::string_view text);

// The first due time later than `after`. Nothing past the year 9999.
std::optional<UtcTime> next_due(const CronRule& rule, UtcTime after);

// "previous_hour", "previous_day", "previous_week" (from Monday), "previous_month", "previous_year": the last one that
// was over at `due`. Errc::invalid_argument for another word.
Result<TimeRange> resolve_period(std::string_view word, UtcTime due);

enum class ScheduleStatus : std::uint8_t { active = 1, paused };
std::string_view to_string(ScheduleStatus status) noexcept;

struct Schedule {
  ScheduleId id;      // "sch_…"
  AccountId account;  // whose report it is, and under whom its row lies
  std::string name;
  std::string when;    // as parse_cron reads it
  std::string report;  // JSON: the body of a report, with `period` for `from` and `to`
  std::string callback_url;
  ScheduleStatus status = ScheduleStatus::active;
  UtcTime created_at;
  std::optional<UtcTime> next_due;  // while active
  std::uint64_t fired = 0;
  std::uint64_t skipped = 0;  // missed for too long, or impossible
  std::optional<UtcTime> last_due;
  RequestId last_request;  // of the job of last_due; empty if that could not be made
  std::string last_error;
};

// The due time that is to fire now, if there is one: moves past what was missed for too long. It stays the schedule's
// next_due until settle_due.
std::optional<UtcTime> due_at(Schedule& schedule, UtcTime now);

// next_due is over: it became the job `request`, or (when that is empty) could not, because of `error`.
void settle_due(Schedule& schedule, const RequestId& request, std::string_view error);

void pause(Schedule& schedule);
void resume(Schedule& schedule, UtcTime now);

std::string encode(const Schedule& schedule);
Result<Schedule> decode_schedule(std::string_view bytes);

}  // namespace tally

#include "core/schedule.h"

#include <array>
#include <charconv>
#include <vector>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t schedule_version = 1;
// Between two 29th of February lie at most eight years (2096 and 2104).
constexpr int days_looked_at_max = 8 * 366 + 1;

constexpr std::array<std::string_view, 12> month_names = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct CronField {
  std::string_view what;
  int low;
  int high;
  const std::string_view* names = nullptr;
  int name_count = 0;
};
constexpr CronField minute_field{"minute", 0, 59};
constexpr CronField hour_field{"hour", 0, 23};
constexpr CronField day_field{"day of the month", 1, 31};
constexpr CronField month_field{"month", 1, 12, month_names.data(), 12};
constexpr CronField weekday_field{"day of the week", 0, 7, weekday_names.data(), 7};

Error bad_cron(const CronField& field, std::string_view text) {
  return fail(Errc::invalid_argument,
              "the " + std::string(field.what) + " of a cron line cannot be \"" + std::string(text) + "\"");
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<int> cron_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::optional<int> cron_value(const CronField& field, std::string_view text) {
  for (int i = 0; i < field.name_count; ++i) {
    if (text.size() != 3) break;
    std::string small(text);
    for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (small == field.names[i]) return field.low + i;
  }
  const auto number = cron_number(text);
  if (!number || *number < field.low || *number > field.high) return std::nullopt;
  return number;
}

// One of the list: `*`, `N`, `N-M`, perhaps with a step.
Result<std::uint64_t> cron_range(const CronField& field, std::string_view text) {
  std::string_view range = text;
  int step = 1;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto number = cron_number(text.substr(slash + 1));
    if (!number || *number < 1 || *number > field.high) return bad_cron(field, text);
    step = *number;
    range = text.substr(0, slash);
  }
  std::optional<int> from = field.low;
  std::optional<int> to = field.high;
  if (range != "*") {
    const std::size_t dash = range.find('-');
    from = cron_value(field, range.substr(0, dash));
    // `5/10` without an end would be read in two ways by different crons.
    if (dash == std::string_view::npos && range.size() != text.size()) return bad_cron(field, text);
    to = dash == std::string_view::npos ? from : cron_value(field, range.substr(dash + 1));
  }
  if (!from || !to || *from > *to) return bad_cron(field, text);
  std::uint64_t bits = 0;
  for (int value = *from; value <= *to; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

Result<std::uint64_t> cron_field(const CronField& field, std::string_view text) {
  std::uint64_t bits = 0;
  for (const std::string_view part : parts_of(text, ',')) {
    const auto range = cron_range(field, part);
    if (!range) return range;
    bits |= *range;
  }
  return bits;
}

Result<std::uint32_t> small_field(const CronField& field, std::string_view text) {
  const auto bits = cron_field(field, text);
  if (!bits) return bits.error();
  return static_cast<std::uint32_t>(*bits);
}

// The day field alone may name the last day, in a list or by itself.
Result<void> read_days(CronRule& rule, std::string_view text) {
  for (const std::string_view part : parts_of(text, ',')) {
    if (part == "L" || part == "l") {
      rule.last_day = true;
      continue;
    }
    const auto bits = small_field(day_field, part);
    if (!bits) return bits.error();
    rule.days |= *bits;
  }
  rule.any_day = text == "*";
  return {};
}

bool has_bit(std::uint64_t bits, int value) {
  return (bits >> value & 1) != 0;
}

int weekday_of(std::int32_t day) {
  return static_cast<int>((day + 4) % 7);  // 1970-01-01 was a Thursday
}

bool fits_day(const CronRule& rule, std::int32_t day) {
  const Date date = date_of_day(day);
  if (!has_bit(rule.months, date.month)) return false;
  const bool last = date.day == days_in_month(date.year, date.month);
  const bool by_day = has_bit(rule.days, date.day) || (rule.last_day && last);
  const bool by_weekday = has_bit(rule.weekdays, weekday_of(day));
  return rule.any_day || rule.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// The first allowed minute of the day from `from` on.
std::optional<int> minute_of_day(const CronRule& rule, int from) {
  for (int minute = from; minute < 24 * 60; ++minute) {
    if (!has_bit(rule.hours, minute / 60)) {
      minute = minute / 60 * 60 + 59;
    } else if (has_bit(rule.minutes, minute % 60)) {
      return minute;
    }
  }
  return std::nullopt;
}

Result<CronRule> read_cron(std::string_view text) {
  std::vector<std::string_view> fields;
  for (const std::string_view part : parts_of(text, ' ')) {
    if (!part.empty()) fields.push_back(part);
  }
  if (fields.size() != 5)
    return fail(Errc::invalid_argument, "must be daily, weekly, monthly, or the five fields of a cron line");
  CronRule rule;
  const auto minutes = cron_field(minute_field, fields[0]);
  const auto hours = small_field(hour_field, fields[1]);
  const auto days = read_days(rule, fields[2]);
  const auto months = small_field(month_field, fields[3]);
  const auto weekdays = small_field(weekday_field, fields[4]);
  if (!minutes) return minutes.error();
  if (!hours) return hours.error();
  if (!days) return days.error();
  if (!months) return months.error();
  if (!weekdays) return weekdays.error();
  rule.minutes = *minutes;
  rule.hours = *hours;
  rule.months = *months;
  rule.weekdays = (*weekdays | *weekdays >> 7) & 0x7f;
  rule.any_weekday = fields[4] == "*";
  return rule;
}

}  // namespace

Result<CronRule> parse_cron(std::string_view text) {
  if (text == "daily") return read_cron("0 0 * * *");
  if (text == "weekly") return read_cron("0 0 * * 1");
  if (text == "monthly") return read_cron("0 0 1 * *");
  auto rule = read_cron(text);
  if (rule && !next_due(*rule, UtcTime())) return fail(Errc::invalid_argument, "no date ever fits this cron line");
  return rule;
}

std::optional<UtcTime> next_due(const CronRule& rule, UtcTime after) {
  const UtcTime from = UtcTime::from_ms((after.ms() / minute_ms + 1) * minute_ms);
  const std::int32_t first = day_of(from);
  int minute = static_cast<int>((from.ms() - start_of_day(first).ms()) / minute_ms);
  for (std::int32_t day = first; day < first + days_looked_at_max; ++day, minute = 0) {
    if (start_of_day(day) > utc_time_max) return std::nullopt;
    if (!fits_day(rule, day)) continue;
    if (const auto due = minute_of_day(rule, minute)) return start_of_day(day) + *due * minute_ms;
  }
  return std::nullopt;
}

Result<TimeRange> resolve_period(std::string_view word, UtcTime due) {
  const std::int32_t day = day_of(due);
  const std::int32_t month = month_of(due);
  if (word == "previous_hour") {
    const UtcTime to = UtcTime::from_ms(due.ms() / hour_ms * hour_ms);
    return TimeRange{to - hour_ms, to};
  }
  if (word == "previous_day") return TimeRange{start_of_day(day - 1), start_of_day(day)};
  if (word == "previous_week") {
    const std::int32_t monday = day - (weekday_of(day) + 6) % 7;
    return TimeRange{start_of_day(monday - 7), start_of_day(monday)};
  }
  if (word == "previous_month") return TimeRange{start_of_month(month - 1), start_of_month(month)};
  if (word == "previous_year") {
    const std::int32_t january = month / 12 * 12;
    return TimeRange{start_of_month(january - 12), start_of_month(january)};
  }
  return fail(Errc::invalid_argument,
              "must be previous_hour, previous_day, previous_week, previous_month or previous_year");
}

std::string_view to_string(ScheduleStatus status) noexcept {
  switch (status) {
    case ScheduleStatus::active:
      return "active";
    case ScheduleStatus::paused:
      return "paused";
  }
  return "unknown";
}

std::optional<UtcTime> due_at(Schedule& schedule, UtcTime now) {
  if (!schedule.next_due || *schedule.next_due > now) return std::nullopt;
  const auto rule = parse_cron(schedule.when);
  while (rule && *schedule.next_due < now - schedule_catch_up_ms) {
    const auto following = next_due(*rule, *schedule.next_due);
    if (!following || *following > now) break;
    ++schedule.skipped;
    schedule.next_due = following;
  }
  return schedule.next_due;
}

void settle_due(Schedule& schedule, const RequestId& request, std::string_view error) {
  ++(request.empty() ? schedule.skipped : schedule.fired);
  schedule.last_due = schedule.next_due;
  schedule.last_request = request;
  schedule.last_error = error;
  const auto rule = parse_cron(schedule.when);
  schedule.next_due = rule && schedule.last_due ? next_due(*rule, *schedule.last_due) : std::nullopt;
}

void pause(Schedule& schedule) {
  schedule.status = ScheduleStatus::paused;
  schedule.next_due.reset();
}

void resume(Schedule& schedule, UtcTime now) {
  if (schedule.status == ScheduleStatus::active && schedule.next_due) return;
  schedule.status = ScheduleStatus::active;
  const auto rule = parse_cron(schedule.when);
  schedule.next_due = rule ? next_due(*rule, now) : std::nullopt;
}

std::string encode(const Schedule& schedule) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(schedule_version);
  out.text(schedule.id.str());
  out.text(schedule.account.str());
  out.text(schedule.name);
  out.text(schedule.when);
  out.text(schedule.report);
  out.text(schedule.callback_url);
  write_enum(out, schedule.status);
  write_time(out, schedule.created_at);
  write_optional(out, schedule.next_due, write_time);
  out.u64(schedule.fired);
  out.u64(schedule.skipped);
  write_optional(out, schedule.last_due, write_time);
  out.text(schedule.last_request.str());
  out.text(schedule.last_error);
  return bytes;
}

Result<Schedule> decode_schedule(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != schedule_version) in.reject();
  Schedule schedule;
  schedule.id = ScheduleId(read_string(in));
  schedule.account = AccountId(read_string(in));
  schedule.name = in.text();
  schedule.when = in.text();
  schedule.report = in.text();
  schedule.callback_url = in.text();
  schedule.status = read_enum(in, ScheduleStatus::paused);
  schedule.created_at = read_time(in);
  schedule.next_due = read_optional(in, read_time);
  schedule.fired = in.u64();
  schedule.skipped = in.u64();
  schedule.last_due = read_optional(in, read_time);
  schedule.last_request = RequestId(read_string(in));
  schedule.last_error = in.text();
  if (!in.done()) return fail(Errc::corrupt, "a schedule row cannot be read");
  return schedule;
}

}  // namespace tally

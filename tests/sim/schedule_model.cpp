#include "tests/sim/schedule_model.h"

namespace tally::sim {

std::string due_name(const ScheduleId& id, UtcTime due) {
  return id.str() + "@" + due.to_string();
}

void ScheduleModel::check(const storage::Store& store, const std::map<RequestId, Job>& jobs) {
  for (const auto& [id, job] : jobs) {
    if (job.http_request_id.empty()) continue;
    const auto [made, is_new] = made_.emplace(job.http_request_id, id);
    if (made->second != id) verdict_.broken("two jobs were made for " + job.http_request_id);
  }
  (void)store.scan_all(storage::Table::schedule, AccountId(), [&](auto, auto, std::string_view row) {
    check_schedule(decode_schedule(row).value());
    return true;
  });
}

// Nobody pauses a schedule and nothing is missed for days: so what is over fired, and nothing else.
void ScheduleModel::check_schedule(const Schedule& schedule) {
  const std::string name = "schedule " + schedule.id.str();
  if (schedule.skipped != 0) verdict_.broken(name + " skipped a due time");
  const CronRule rule = parse_cron(schedule.when).value();
  std::uint64_t over = 0;
  auto due = next_due(rule, schedule.created_at);
  for (; due && due != schedule.next_due && *due <= clock_.now(); due = next_due(rule, *due)) {
    ++over;
    if (!made_.contains(due_name(schedule.id, *due))) verdict_.broken(name + " has no job of " + due->to_string());
  }
  if (due != schedule.next_due) verdict_.broken(name + " waits for a time that is not its next");
  if (schedule.fired != over) verdict_.broken(name + " counts other due times than are over");
  if (due && made_.contains(due_name(schedule.id, *due))) verdict_.broken(name + " fired before it says so");
}

}  // namespace tally::sim

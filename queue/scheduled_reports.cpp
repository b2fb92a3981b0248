#include "queue/scheduled_reports.h"

namespace tally::queue {

namespace {

// Writes that the due time is over, unless it is not the next one any more: another commit was first, or the schedule
// was paused, changed or deleted meanwhile.
Result<void> write_settled(storage::Schedules& schedules, storage::AccountTx& tx, const ScheduleId& id, UtcTime due,
                           UtcTime now, const RequestId& request, const std::string& error) {
  const auto changed = schedules.change(tx, id, [&](Schedule& schedule) -> Result<void> {
    if (due_at(schedule, now) != due) return fail(Errc::conflict, "it is not due any more");
    settle_due(schedule, request, error);
    return {};
  });
  return changed ? Result<void>() : changed.error();
}

}  // namespace

void ScheduledReports::tick() {
  for (const Schedule& schedule : schedules_.due(clock_.now())) {
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_ || !under_way_.insert(schedule.id).second) continue;
    }
    fire(schedule);
  }
}

void ScheduledReports::fire(const Schedule& stored) {
  Schedule schedule = stored;
  const UtcTime now = clock_.now();
  const auto due = due_at(schedule, now);
  if (!due) return settled(schedule.id)(fail(Errc::conflict, "nothing is due"));
  auto job = make_job_(schedule, *due);
  if (!job) {
    if (job.error().code == Errc::exhausted || job.error().code == Errc::unavailable)
      return settled(schedule.id)(job.error());
    return skip(schedule, *due, job.error().detail);
  }
  jobs_.submit(
      std::move(*job),
      [this, id = schedule.id, due = *due, now](storage::AccountTx& tx, const Job& made) {
        return write_settled(schedules_, tx, id, due, now, made.id, "");
      },
      [done = settled(schedule.id)](const Result<Job>& submitted) {
        done(submitted ? Result<void>() : submitted.error());
      });
}

void ScheduledReports::skip(const Schedule& schedule, UtcTime due, const std::string& error) {
  writer_.post(
      schedule.account,
      [this, id = schedule.id, due, now = clock_.now(), error](storage::AccountTx& tx) {
        return write_settled(schedules_, tx, id, due, now, RequestId(), error);
      },
      storage::Durability::synced, settled(schedule.id));
}

// What failed is tried again by a later tick; what went well may have left more that is due.
storage::Done ScheduledReports::settled(const ScheduleId& id) {
  return [this, id](const Result<void>& done) {
    if (done && !stopping_) {
      const auto schedule = schedules_.find(id);
      if (schedule && schedule->next_due && *schedule->next_due <= clock_.now()) return fire(*schedule);
    }
    const std::scoped_lock lock(mutex_);
    under_way_.erase(id);
  };
}

}  // namespace tally::queue

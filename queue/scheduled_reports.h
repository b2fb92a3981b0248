// Turns due times of schedules into jobs, each exactly once: the job and the schedule's step to its next due time are
// one commit.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "core/clock.h"
#include "queue/jobs.h"
#include "storage/schedules.h"

namespace tally::queue {

// Passive: tick() starts what is due, a commit starts the next missed due time of its schedule. Thread-safe. Outlives
// every command given to the writer.
class ScheduledReports {
 public:
  // The job of a due time: account, dialect, request and callback_url. An error other than exhausted and unavailable
  // ends this due time: it is counted and told, and the schedule goes on.
  using MakeJob = std::function<Result<Job>(const Schedule&, UtcTime due)>;

  ScheduledReports(storage::Schedules& schedules, storage::Writer& writer, Jobs& jobs, const Clock& clock,
                   MakeJob make_job)
      : schedules_(schedules), writer_(writer), jobs_(jobs), clock_(clock), make_job_(std::move(make_job)) {}

  void tick();
  // No new jobs; the commits under way finish.
  void stop() noexcept { stopping_ = true; }

 private:
  void fire(const Schedule& schedule);
  void skip(const Schedule& schedule, UtcTime due, const std::string& error);
  storage::Done settled(const ScheduleId& id);

  storage::Schedules& schedules_;
  storage::Writer& writer_;
  Jobs& jobs_;
  const Clock& clock_;
  MakeJob make_job_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::set<ScheduleId> under_way_;
};

}  // namespace tally::queue

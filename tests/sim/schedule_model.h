// What must be true of scheduled reports: each due time became one job, in order, whatever happened.
#pragma once

#include <map>
#include <string>

#include "core/clock.h"
#include "core/job.h"
#include "core/schedule.h"
#include "storage/store.h"
#include "tests/sim/verdict.h"

namespace tally::sim {

// What a job of a due time carries as its http_request_id.
std::string due_name(const ScheduleId& id, UtcTime due);

class ScheduleModel {
 public:
  ScheduleModel(Verdict& verdict, const Clock& clock) : verdict_(verdict), clock_(clock) {}

  // `jobs` are those that are stored.
  void check(const storage::Store& store, const std::map<RequestId, Job>& jobs);

  std::uint64_t fired() const noexcept { return made_.size(); }

 private:
  void check_schedule(const Schedule& schedule);

  Verdict& verdict_;
  const Clock& clock_;
  std::map<std::string, RequestId> made_;  // by due_name: of every job that was ever seen
};

}  // namespace tally::sim

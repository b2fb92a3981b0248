// /operator/v1/schedules: reports that are made again and again.
#pragma once

#include "core/job.h"
#include "http/idempotency.h"
#include "http/operator/guard.h"
#include "http/report_submission.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/schedules.h"

namespace tally::http {

class Router;

class OperatorSchedules {
 public:
  OperatorSchedules(storage::Schedules& schedules, const storage::Directory& directory, Idempotency& idempotency,
                    const Clock& clock, Random& random, CallbackPolicy callback_policy);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void create(Request&& request, Reply reply);
  void list(Request&& request, Reply reply);
  void show(Request&& request, Reply reply);
  void change(Request&& request, Reply reply);
  void remove(Request&& request, Reply reply);
  Result<Schedule> read_new(const JsonValue& body) const;

  storage::Schedules& schedules_;
  const storage::Directory& directory_;
  Idempotency& idempotency_;
  const Clock& clock_;
  Random& random_;
  CallbackPolicy callback_policy_;
};

// The job of a due time: the schedule's report with `period` resolved.
Result<Job> scheduled_job(const Schedule& schedule, UtcTime due);

}  // namespace tally::http

// /operator/v1/reports: reports over many accounts. Their jobs are rows of system_account(), which no account can be.
#pragma once

#include <string_view>

#include "core/report_task.h"
#include "http/idempotency.h"
#include "http/job_streams.h"
#include "http/operator/guard.h"
#include "http/report_submission.h"
#include "http/request.h"
#include "http/wait.h"
#include "queue/jobs.h"
#include "queue/runner.h"
#include "storage/directory.h"

namespace tally::http {

class Router;

class OperatorReports {
 public:
  OperatorReports(Idempotency& idempotency, queue::Jobs& jobs, const storage::Directory& directory, Waiter& waiter,
                  JobStreams& streams, Clock& clock, CallbackPolicy callback_policy, queue::Executor execute);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void submit(Request&& request, Reply reply);
  void poll(Request&& request, Reply reply);
  void result(Request&& request, Reply reply);
  void list(Request&& request, Reply reply);
  void cancel(Request&& request, Reply reply);
  Result<Job> find(const Request& request) const;
  Response job_response(const Result<Job>& job) const;

  queue::Jobs& jobs_;
  const storage::Directory& directory_;
  Waiter& waiter_;
  JobStreams& streams_;
  Clock& clock_;
  CallbackPolicy callback_policy_;
  ReportSubmission submission_;
  queue::Executor execute_;  // reads what is sent of large results
};

}  // namespace tally::http

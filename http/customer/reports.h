// /v1/reports: a customer's report jobs.
#pragma once

#include <functional>

#include "http/credentials.h"
#include "http/finished_answers.h"
#include "http/idempotency.h"
#include "http/job_streams.h"
#include "http/report_kind.h"
#include "http/report_run.h"
#include "http/report_submission.h"
#include "http/request.h"
#include "http/wait.h"
#include "queue/jobs.h"

namespace tally::http {

class Router;

class CustomerReports {
 public:
  CustomerReports(Credentials& credentials, Idempotency& idempotency, queue::Jobs& jobs, const ReportSources& sources,
                  const ReportLimits& limits, Waiter& waiter, JobStreams& streams, Clock& clock,
                  CallbackPolicy callback_policy, queue::Executor execute);
  void add_to(Router& router);
  // Of every job of our own API, the operator's too.
  ReportKind kind() const;

 private:
  void submit(Request&& request, Reply reply);
  void poll(Request&& request, Reply reply);
  void result(Request&& request, Reply reply);
  void list(Request&& request, Reply reply);
  void cancel(Request&& request, Reply reply);
  // The caller, or nothing after the refusal was sent.
  std::optional<Caller> authenticate(const Request& request, const Reply& reply);
  Result<Job> find(const Caller& caller, std::string_view id) const;
  Response job_response(const Job& job);

  Credentials& credentials_;
  queue::Jobs& jobs_;
  ReportSources sources_;
  ReportLimits limits_;
  mutable ReportReuse reuse_;
  Waiter& waiter_;
  JobStreams& streams_;
  Clock& clock_;
  CallbackPolicy callback_policy_;
  ReportSubmission submission_;
  queue::Executor execute_;  // reads what is sent of large results
  FinishedAnswers finished_{clock_};
};

}  // namespace tally::http

// /v1/reports: a customer's report jobs.
#pragma once

#include <functional>

#include "http/credentials.h"
#include "http/finished_answers.h"
#include "http/idempotency.h"
#include "http/job_streams.h"
#include "http/report_kind.h"
#include "http/request.h"
#include "http/wait.h"
#include "queue/jobs.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

// Says whether a URL may be called back; Error.rule `invalid_callback_url`.
using CallbackPolicy = std::function<Result<void>(std::string_view url)>;

class CustomerReports {
 public:
  CustomerReports(Credentials& credentials, Idempotency& idempotency, queue::Jobs& jobs, const storage::Meter& meter,
                  Waiter& waiter, JobStreams& streams, Clock& clock, CallbackPolicy callback_policy);
  void add_to(Router& router);
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

  // Stores the job and the 202 that replays by `key`; the answer is that 202, or the job's if it is done within `wait`.
  void store(Job job, CallKey key, std::optional<std::int64_t> wait, const Idempotency::Answer& answer);
  void answer_within(std::int64_t wait, const AccountId& account, Response accepted_then,
                     const Idempotency::Answer& answer);

  Credentials& credentials_;
  Idempotency& idempotency_;
  queue::Jobs& jobs_;
  const storage::Meter& meter_;
  Waiter& waiter_;
  JobStreams& streams_;
  Clock& clock_;
  CallbackPolicy callback_policy_;
  FinishedAnswers finished_{clock_};
};

}  // namespace tally::http

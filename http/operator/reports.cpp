#include "http/operator/reports.h"

#include "http/answers.h"
#include "http/problem.h"
#include "http/report_wire.h"
#include "http/result_response.h"
#include "http/router.h"

namespace tally::http {

OperatorReports::OperatorReports(Idempotency& idempotency, queue::Jobs& jobs, const storage::Directory& directory,
                                 Waiter& waiter, JobStreams& streams, Clock& clock, CallbackPolicy callback_policy,
                                 queue::Executor execute)
    : jobs_(jobs),
      directory_(directory),
      waiter_(waiter),
      streams_(streams),
      clock_(clock),
      callback_policy_(std::move(callback_policy)),
      submission_(idempotency, jobs, waiter, [this](const Job& job) { return job_response(job); }),
      execute_(std::move(execute)) {}

void OperatorReports::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorReports::*handler)(Request&&, Reply)) {
    router.add(method, path, guard([this, handler](Request&& request, Reply reply) {
                 (this->*handler)(std::move(request), std::move(reply));
               }));
  };
  add("POST", "/operator/v1/reports", &OperatorReports::submit);
  add("GET", "/operator/v1/reports", &OperatorReports::list);
  add("GET", "/operator/v1/reports/{request_id}", &OperatorReports::poll);
  add("DELETE", "/operator/v1/reports/{request_id}", &OperatorReports::cancel);
  add("GET", "/operator/v1/reports/{request_id}/result", &OperatorReports::result);
}

Result<Job> OperatorReports::find(const Request& request) const {
  return jobs_.find(storage::system_account(), RequestId(std::string(request.path_param("request_id"))));
}

Response OperatorReports::job_response(const Result<Job>& job) const {
  return job ? poll_response(jobs_, *job) : problem(job.error());
}

void OperatorReports::submit(Request&& request, Reply reply) {
  const auto wait = preferred_wait_seconds(request);
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  auto order = read_report_order(call->body, clock_.now(), CallSide::operator_side);
  if (!order) return reply(problem(order.error()));
  if (auto known = check_accounts(directory_, order->task.accounts); !known) return reply(problem(known.error()));
  if (!order->callback_url.empty()) {
    if (auto allowed = callback_policy_(order->callback_url); !allowed) return reply(problem(allowed.error()));
  }
  Job job;
  job.account = storage::system_account();
  job.dialect = Dialect::own;
  job.request = encode(order->task);
  job.callback_url = std::move(order->callback_url);
  job.http_request_id = request.id;
  submission_.store(std::move(job), std::move(call->key), wait, [reply, wait](Response response) {
    if (wait) response.headers.emplace_back("Preference-Applied", "wait=" + std::to_string(*wait));
    reply(std::move(response));
  });
}

void OperatorReports::poll(Request&& request, Reply reply) {
  const auto wait = number_param(request, "wait", 0, 0, wait_seconds_max);
  if (!wait) return reply(problem(wait.error()));
  auto job = find(request);
  if (job && wants_events(request))
    return reply(streams_.open(job->account, job->id, request.header("last-event-id").value_or("")));
  if (!job || job->finished() || *wait == 0) return reply(job_response(job));
  waiter_.until_finished(job->account, job->id, *wait, [this, account = job->account, id = job->id, reply] {
    reply(job_response(jobs_.find(account, id)));
  });
}

void OperatorReports::result(Request&& request, Reply reply) {
  const auto job = find(request);
  reply(job ? stored_result_response(jobs_, *job, request, execute_) : problem(job.error()));
}

void OperatorReports::list(Request&& request, Reply reply) {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return reply(problem(limit.error()));
  const auto page =
      jobs_.list(storage::system_account(), static_cast<std::size_t>(*limit), request.param("cursor").value_or(""));
  if (!page) return reply(problem(page.error()));
  std::string items;
  JsonWriter out(items);
  for (const Job& job : page->jobs) {
    out.begin_object();
    write_job(out, job);
    out.end_object();
  }
  reply(json_response(200, list_json(items, page->next)));
}

void OperatorReports::cancel(Request&& request, Reply reply) {
  const auto job = find(request);
  if (!job) return reply(problem(job.error()));
  jobs_.cancel(job->account, job->id, [reply](const Result<Job>& cancelled) {
    reply(cancelled ? json_response(200, job_json(*cancelled, {})) : problem(cancelled.error()));
  });
}

}  // namespace tally::http

#include "http/customer/reports.h"

#include "http/answers.h"
#include "http/problem.h"
#include "http/report_wire.h"
#include "http/result_response.h"
#include "http/router.h"

namespace tally::http {

namespace {

void with_rate(Response& response, const Caller& caller) {
  add_rate_headers(response, caller.rate);
}

}  // namespace

CustomerReports::CustomerReports(Credentials& credentials, Idempotency& idempotency, queue::Jobs& jobs,
                                 const ReportSources& sources, const ReportLimits& limits, Waiter& waiter,
                                 JobStreams& streams, Clock& clock, CallbackPolicy callback_policy,
                                 queue::Executor execute)
    : credentials_(credentials),
      jobs_(jobs),
      sources_(sources),
      limits_(limits),
      waiter_(waiter),
      streams_(streams),
      clock_(clock),
      callback_policy_(std::move(callback_policy)),
      submission_(idempotency, jobs, waiter, [this](const Job& job) { return job_response(job); }),
      execute_(std::move(execute)) {}

void CustomerReports::add_to(Router& router) {
  const auto bind = [this](void (CustomerReports::*handler)(Request&&, Reply)) {
    return [this, handler](Request&& request, Reply reply) { (this->*handler)(std::move(request), std::move(reply)); };
  };
  router.add("POST", "/v1/reports", bind(&CustomerReports::submit));
  router.add("GET", "/v1/reports", bind(&CustomerReports::list));
  router.add("GET", "/v1/reports/{request_id}", bind(&CustomerReports::poll));
  router.add("DELETE", "/v1/reports/{request_id}", bind(&CustomerReports::cancel));
  router.add("GET", "/v1/reports/{request_id}/result", bind(&CustomerReports::result));
}

ReportKind CustomerReports::kind() const {
  return {[this](const Job& job, queue::JobContext& context) {
            return run_report(reuse_, sources_, jobs_, limits_, job, context);
          },
          job_json};
}

std::optional<Caller> CustomerReports::authenticate(const Request& request, const Reply& reply) {
  auto checked = credentials_.check_any(request, {.scope = Scope::reports});
  if (auto* caller = std::get_if<Caller>(&checked)) return std::move(*caller);
  reply(refusal_problem(std::get<Refusal>(checked)));
  return std::nullopt;
}

Result<Job> CustomerReports::find(const Caller& caller, std::string_view id) const {
  auto job = jobs_.find(caller.account->id, RequestId(std::string(id)));
  if (job && job->dialect != Dialect::own) return fail(Errc::not_found, "no such report");
  return job;
}

Response CustomerReports::job_response(const Job& job) {
  Response response = poll_response(jobs_, job);
  if (job.finished() && response.status == 200) finished_.keep(job, response.body);
  return response;
}

void CustomerReports::submit(Request&& request, Reply reply) {
  auto caller = authenticate(request, reply);
  if (!caller) return;
  const auto refuse = [&](Response response) {
    with_rate(response, *caller);
    reply(std::move(response));
  };
  const auto wait = preferred_wait_seconds(request);
  Response refusal;
  auto call = read_call(request, CallSide::customer, refusal);
  if (!call) return refuse(std::move(refusal));
  auto order = read_report_order(call->body, clock_.now(), CallSide::customer);
  if (!order) return refuse(problem(order.error()));
  if (!order->callback_url.empty()) {
    if (auto allowed = callback_policy_(order->callback_url); !allowed) return refuse(problem(allowed.error()));
  }
  Job job;
  job.account = caller->account->id;
  job.dialect = Dialect::own;
  job.request = encode(order->task);
  job.callback_url = std::move(order->callback_url);
  job.http_request_id = request.id;
  submission_.store(std::move(job), std::move(call->key), wait, [reply, rate = caller->rate, wait](Response response) {
    add_rate_headers(response, rate);
    if (wait) response.headers.emplace_back("Preference-Applied", "wait=" + std::to_string(*wait));
    reply(std::move(response));
  });
}

void CustomerReports::poll(Request&& request, Reply reply) {
  auto caller = authenticate(request, reply);
  if (!caller) return;
  const auto answer = [this, reply, rate = caller->rate](const Result<Job>& job) {
    Response response = job ? job_response(*job) : problem(job.error());
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  const auto wait = number_param(request, "wait", 0, 0, wait_seconds_max);
  if (!wait) return answer(wait.error());
  if (wants_events(request)) {
    auto job = find(*caller, request.path_param("request_id"));
    if (!job) return answer(job);
    Response response = streams_.open(job->account, job->id, request.header("last-event-id").value_or(""));
    add_rate_headers(response, caller->rate);
    return reply(std::move(response));
  }
  if (const auto body = finished_.find(Dialect::own, caller->account->id, request.path_param("request_id"))) {
    Response response = json_response(200, *body);
    add_rate_headers(response, caller->rate);
    return reply(std::move(response));
  }
  auto job = find(*caller, request.path_param("request_id"));
  if (!job || job->finished() || *wait == 0) return answer(job);
  waiter_.until_finished(job->account, job->id, *wait,
                         [this, account = job->account, id = job->id, answer] { answer(jobs_.find(account, id)); });
}

void CustomerReports::result(Request&& request, Reply reply) {
  auto caller = authenticate(request, reply);
  if (!caller) return;
  const auto answer = [&](Response response) {
    with_rate(response, *caller);
    reply(std::move(response));
  };
  const auto job = find(*caller, request.path_param("request_id"));
  if (!job) return answer(problem(job.error()));
  answer(stored_result_response(jobs_, *job, request, execute_));
}

void CustomerReports::list(Request&& request, Reply reply) {
  auto caller = authenticate(request, reply);
  if (!caller) return;
  const auto answer = [&](Response response) {
    with_rate(response, *caller);
    reply(std::move(response));
  };
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return answer(problem(limit.error()));
  const auto page =
      jobs_.list(caller->account->id, static_cast<std::size_t>(*limit), request.param("cursor").value_or(""));
  if (!page) return answer(problem(page.error()));
  std::string items;
  JsonWriter out(items);
  for (const Job& job : page->jobs) {
    if (job.dialect != Dialect::own) continue;  // told only by the dialect that they were asked in
    out.begin_object();
    write_job(out, job);
    out.end_object();
  }
  answer(json_response(200, list_json(items, page->next)));
}

void CustomerReports::cancel(Request&& request, Reply reply) {
  auto caller = authenticate(request, reply);
  if (!caller) return;
  const auto answer = [reply, rate = caller->rate](const Result<Job>& job) {
    Response response = job ? json_response(200, job_json(*job, {})) : problem(job.error());
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  const auto job = find(*caller, request.path_param("request_id"));
  if (!job) return answer(job);
  jobs_.cancel(job->account, job->id, answer);
}

}  // namespace tally::http

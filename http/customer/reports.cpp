#include "http/customer/reports.h"

#include "http/answers.h"
#include "http/digest.h"
#include "http/problem.h"
#include "http/report_wire.h"
#include "http/router.h"

namespace tally::http {

namespace {

void with_rate(Response& response, const Caller& caller) {
  add_rate_headers(response, caller.rate);
}

Response accepted(const Job& job) {
  Response response = json_response(202, job_accepted_json(job));
  response.headers.emplace_back("Location", status_url(job.id));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The job of such an answer, which may be a replay.
RequestId accepted_id(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Location") return RequestId(value.substr(value.rfind('/') + 1));
  }
  return RequestId();
}

}  // namespace

CustomerReports::CustomerReports(Credentials& credentials, Idempotency& idempotency, queue::Jobs& jobs,
                                 const storage::Meter& meter, Waiter& waiter, JobStreams& streams, Clock& clock,
                                 CallbackPolicy callback_policy)
    : credentials_(credentials),
      idempotency_(idempotency),
      jobs_(jobs),
      meter_(meter),
      waiter_(waiter),
      streams_(streams),
      clock_(clock),
      callback_policy_(std::move(callback_policy)) {}

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
  const auto compute = [this](const Job& job) -> Result<std::string> {
    const auto request = decode_report_request(job.request);
    if (!request) return request.error();
    auto report = meter_.report(job.account, *request);
    if (!report) return report.error();
    return encode(*report);
  };
  return {compute, job_json};
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
  std::string bytes;
  if (job.status == JobStatus::completed) {
    auto stored = jobs_.result(job.account, job.id);
    if (!stored) return problem(stored.error());
    bytes = std::move(*stored);
  }
  std::string body = job_json(job, bytes);
  if (job.finished()) finished_.keep(job, body);
  Response response = json_response(200, std::move(body));
  if (!job.finished()) response.headers.emplace_back("Retry-After", "1");
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
  auto order = read_report_order(call->body, clock_.now());
  if (!order) return refuse(problem(order.error()));
  if (!order->callback_url.empty()) {
    if (auto allowed = callback_policy_(order->callback_url); !allowed) return refuse(problem(allowed.error()));
  }
  Job job;
  job.account = caller->account->id;
  job.dialect = Dialect::own;
  job.request = encode(order->request);
  job.callback_url = std::move(order->callback_url);
  job.http_request_id = request.id;
  store(std::move(job), std::move(call->key), wait, [reply, rate = caller->rate, wait](Response response) {
    add_rate_headers(response, rate);
    if (wait) response.headers.emplace_back("Preference-Applied", "wait=" + std::to_string(*wait));
    reply(std::move(response));
  });
}

void CustomerReports::store(Job job, CallKey key, std::optional<std::int64_t> wait, const Idempotency::Answer& answer) {
  const AccountId account = job.account;
  auto stands = std::make_shared<std::optional<Response>>();
  queue::Jobs::Within within;
  if (key.given()) {
    within = [this, stands, key = std::move(key)](storage::AccountTx& tx, const Job& stored) -> Result<void> {
      auto found = idempotency_.find(tx, key);
      if (!found) return found.error();
      *stands = std::move(*found);
      if (*stands) return fail(Errc::conflict, "answered before");
      idempotency_.keep(tx, key, accepted(stored));
      return {};
    };
  }
  jobs_.submit(std::move(job), std::move(within), [this, account, stands, wait, answer](const Result<Job>& stored) {
    if (!stored && !*stands) return answer(problem(stored.error()));
    Response response = stored ? accepted(*stored) : std::move(**stands);
    if (!wait || *wait == 0 || response.status != 202) return answer(std::move(response));
    answer_within(*wait, account, std::move(response), answer);
  });
}

void CustomerReports::answer_within(std::int64_t wait, const AccountId& account, Response accepted_then,
                                    const Idempotency::Answer& answer) {
  const RequestId id = accepted_id(accepted_then);
  waiter_.until_finished(account, id, wait, [this, account, id, then = std::move(accepted_then), answer] {
    const auto job = jobs_.find(account, id);
    if (!job || !job->finished()) return answer(then);
    Response response = job_response(*job);
    if (was_replayed(then)) response.headers.emplace_back("Idempotency-Replayed", "true");
    answer(std::move(response));
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
  if (job->status != JobStatus::completed) {
    return answer(problem(409, "not_completed",
                          "this report has no result; its status is " + std::string(to_string(job->status))));
  }
  const auto stored = jobs_.result(job->account, job->id);
  if (!stored) return answer(problem(stored.error()));
  const auto report = decode_report(*stored);
  if (!report) return answer(problem(report.error()));
  Response response = json_response(200, report_json(*report, job->account));
  const std::string tag = "\"" + sha256_hex(response.body) + "\"";
  if (const auto known = request.header("if-none-match"); known && (*known == tag || *known == "*")) {
    response = Response{};
    response.status = 304;
  }
  response.headers.emplace_back("ETag", tag);
  answer(std::move(response));
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

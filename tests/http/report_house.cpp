#include "tests/http/report_house.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "http/body_stream.h"

namespace tally::http {

ReportHouse::ReportHouse(const ReportLimits& report_limits) : limits_(report_limits) {
  start();
}

void ReportHouse::start() {
  scheduler_ = std::make_unique<queue::Scheduler>(queue::SchedulerLimits{});
  queue::JobHooks hooks;
  hooks.callback_body = [](const Job&, std::string_view) { return std::string(); };
  jobs_ = std::make_unique<queue::Jobs>(store, writer, *scheduler_, clock, random, JobRules{}, std::move(hooks));
  waiter_ = std::make_unique<Waiter>(*jobs_, []() -> Loop& { throw std::logic_error("nobody waits here"); });
  streams_ = std::make_unique<JobStreams>(
      [this](const AccountId& account, const RequestId& id) { return jobs_->find(account, id); },
      []() -> Loop& { throw std::logic_error("nobody waits here"); });
  const auto at_once = [](const std::function<void()>& task) { task(); };
  const auto allow = [](std::string_view) -> Result<void> { return {}; };
  customer_ = std::make_unique<CustomerReports>(credentials, idempotency, *jobs_,
                                                ReportSources{store, meter, ledgers, directory}, limits_, *waiter_,
                                                *streams_, clock, allow, at_once);
  operator_ =
      std::make_unique<OperatorReports>(idempotency, *jobs_, directory, *waiter_, *streams_, clock, allow, at_once);
  if (!runner_) {
    usage_ = std::make_unique<CustomerUsage>(credentials, meter, directory, clock,
                                             [](const std::function<void()>& task) { task(); });
    usage_->add_to(router());
    customer_->add_to(router());
    operator_->add_to(router(), guard);
  }
  const queue::Work work = [this](const Job& job, queue::JobContext& context) {
    return customer_->kind().compute(job, context);
  };
  runner_ = std::make_unique<queue::Runner>(
      *jobs_, *scheduler_, clock,
      [this, work](const Job& job, queue::JobContext& context) {
        return around ? around(job, context, work) : work(job, context);
      },
      [this](std::function<void()> task) { tasks.push_back(std::move(task)); }, queue::RunnerOptions{});
  jobs_->on_ready([this] { runner_->pump(); });
}

void ReportHouse::work() {
  settle();
  while (!tasks.empty()) {
    auto task = std::move(tasks.front());
    tasks.pop_front();
    std::atomic<bool> done{false};
    std::thread thread([&] {
      task();
      done = true;
    });
    while (!done) settle();
    thread.join();
    settle();
  }
}

void ReportHouse::event(const std::string& json) {
  const Response answer = as_operator("POST", "/events", json);
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  REQUIRE_MESSAGE(at(answer, "rejected.0.code").empty(), answer.body);
}

Response ReportHouse::ask_as(const std::string& account, const std::string& method, const std::string& target,
                             std::string body, std::vector<Field> headers) {
  std::string& key = report_keys_[account];
  if (key.empty()) key = at(as_operator("POST", "/accounts/" + account + "/keys", R"({"kind":"token"})"), "key");
  headers.emplace_back("authorization", "Bearer " + key);
  return ask(method, target, std::move(body), std::move(headers));
}

Response ReportHouse::ask_operator(const std::string& method, const std::string& path, std::string body,
                                   std::vector<Field> headers) {
  headers.emplace_back("authorization", "Bearer token");
  return ask(method, "/operator/v1/reports" + path, std::move(body), std::move(headers));
}

Response ReportHouse::report(const std::string& account, const std::string& body) {
  const Response accepted = ask_as(account, "POST", "/v1/reports", body);
  REQUIRE_MESSAGE(accepted.status == 202, accepted.body);
  work();
  return ask_as(account, "GET", at(accepted, "status_url"));
}

Response ReportHouse::operator_report(const std::string& body) {
  const Response accepted = ask_operator("POST", "", body);
  REQUIRE_MESSAGE(accepted.status == 202, accepted.body);
  work();
  return ask_operator("GET", "/" + at(accepted, "request_id"));
}

namespace {

Response read_whole(Response response) {
  if (!response.stream) return response;
  while (true) {
    const BodyReader::Piece piece = response.stream->take();
    REQUIRE_FALSE(piece.overrun);
    response.body += piece.bytes;
    if (piece.last) return response;
  }
}

}  // namespace

Response ReportHouse::result(const std::string& account, const std::string& id, std::vector<Field> headers) {
  return read_whole(ask_as(account, "GET", "/v1/reports/" + id + "/result", "", std::move(headers)));
}

Response ReportHouse::operator_result(const std::string& id, std::vector<Field> headers) {
  return read_whole(ask_operator("GET", "/" + id + "/result", "", std::move(headers)));
}

}  // namespace tally::http

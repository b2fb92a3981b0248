#include "tests/sim/server.h"

#include <algorithm>

#include "core/report.h"
#include "tests/sim/schedule_model.h"

namespace tally::sim {

using namespace storage;

namespace {

Result<Job> make_due_job(const Schedule& schedule, UtcTime due) {
  Job job;
  job.account = schedule.account;
  job.request = schedule.report;
  job.http_request_id = due_name(schedule.id, due);
  return job;
}

}  // namespace

Server::Server(Store& disk, webhook::Transport& transport, ManualClock& clock, Random& random,
               const ServerOptions& options, WorkFault work_fault)
    : clock_(clock),
      work_fault_(std::move(work_fault)),
      store_(disk),
      writer_(store_, options.writer, [this](const Error&) { doubtful_ = true; }),
      front_(writer_, options.canary),
      directory_(store_, front_),
      ledgers_(
          store_, front_, clock, [this](const AccountId& id) { return directory_.account(id); }, options.ledgers),
      meter_(
          store_, front_, clock, ledgers_, [this] { return directory_.prices(); }, options.meter),
      scheduler_(options.queue),
      dispatcher_(options.webhooks,
                  {store_, front_, transport, random,
                   [this](const AccountId& id) -> Result<WebhookSecrets> {
                     const auto account = directory_.account(id);
                     if (!account) return fail(Errc::not_found, "no such account");
                     return account->webhook;
                   }},
                  options.lanes),
      jobs_(
          store_, front_, scheduler_, clock, random, options.jobs,
          {callback_body, [this](const AccountId& account, const DeliveryId& id) { dispatcher_.offer(account, id); }}),
      runner_(
          jobs_, scheduler_, clock, [this](const Job& job, queue::JobContext& context) { return work(job, context); },
          [this](std::function<void()> task) { tasks_.push_back(std::move(task)); }, options.runner),
      scheduled_reports_(schedules_, front_, jobs_, clock, make_due_job),
      random_(random) {
  dispatcher_.on_wake([this] { dispatcher_woken_ = true; });
  jobs_.on_ready([this] { runner_.pump(); });
}

Server::~Server() {
  store_.die();
  store_.on_write(nullptr);
  dispatcher_.on_wake(nullptr);
  writer_.stop();
}

Result<void> Server::start() {
  if (auto loaded = directory_.load(); !loaded) return loaded;
  if (auto loaded = schedules_.load(store_); !loaded) return loaded;
  if (auto recovered = ledgers_.recover(); !recovered) return recovered;
  if (auto recovered = meter_.recover(random_); !recovered) return recovered;
  if (auto recovered = jobs_.recover(); !recovered) return recovered;
  tick_runner();
  return {};
}

bool Server::run_task(std::size_t which) {
  if (tasks_.empty()) return false;
  const auto chosen = tasks_.begin() + static_cast<std::ptrdiff_t>(which % tasks_.size());
  auto task = std::move(*chosen);
  tasks_.erase(chosen);
  task();
  return true;
}

bool Server::drive_dispatcher() {
  if (!dispatcher_woken_ && !(dispatcher_next_ && *dispatcher_next_ <= clock_.now())) return false;
  dispatcher_woken_ = false;
  dispatcher_next_ = dispatcher_.tick(clock_.now());
  return true;
}

std::optional<UtcTime> Server::next_call() const {
  if (!dispatcher_next_) return runner_next_;
  return runner_next_ ? std::min(*runner_next_, *dispatcher_next_) : dispatcher_next_;
}

Result<std::string> Server::work(const Job& job, queue::JobContext& context) {
  const auto compute = [&]() -> Result<std::string> {
    if (auto fault = work_fault_(job, context); !fault) return fault.error();
    const auto request = decode_report_request(job.request);
    if (!request) return request.error();
    const auto report = meter_.report(job.account, *request);
    if (!report) return report.error();
    return make_result(job.token, *report);
  };
  auto result = compute();
  front_.finishing(job);
  return result;
}

std::string Server::callback_body(const Job& job, std::string_view result) {
  return job.id.str() + ' ' + std::string(to_string(job.status)) + ' ' + job.error_message + ' ' + std::string(result);
}

std::string Server::make_result(std::uint64_t token, const Report& report) {
  return std::to_string(token) + ':' + encode(report);
}

}  // namespace tally::sim

// One life of the server: the real rooms over one store, wired as the composition root wires them, but driven by hand.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "core/manual.h"
#include "queue/runner.h"
#include "queue/scheduled_reports.h"
#include "storage/account_writer.h"
#include "storage/directory.h"
#include "storage/meter.h"
#include "storage/schedules.h"
#include "tests/sim/canary.h"
#include "webhook/dispatcher.h"

namespace tally::sim {

struct ServerOptions {
  // Few rows are kept, so that commands read from the store too.
  storage::WriterOptions writer{.shards = 2, .waiting_max = 1000, .threads = false, .kept_row_bytes = 2'000};
  storage::WriteBehindOptions meter;
  storage::LedgersOptions ledgers;
  JobRules jobs;
  queue::SchedulerLimits queue;
  queue::RunnerOptions runner;
  WebhookSettings webhooks;
  webhook::LaneLimits lanes;
  Canary canary = Canary::none;
};

// What the work of a job meets on its way: called before the report is computed; an error is the work's.
using WorkFault = std::function<Result<void>(const Job&, queue::JobContext&)>;

class Server {
 public:
  Server(storage::Store& disk, webhook::Transport& transport, ManualClock& clock, Random& random,
         const ServerOptions& options, WorkFault work_fault);
  // What is posted and not committed is lost, and told so.
  ~Server();

  // Reads what an earlier life left.
  Result<void> start();

  // What the driver's threads and timers would do. Each answers whether anything happened.
  bool commit() { return writer_.step(); }
  bool run_shards() { return writer_.run_shards(); }
  // What others may do while a commit is under way.
  void on_write(std::function<void()> observe) { store_.on_write(std::move(observe)); }
  bool run_task(std::size_t which);
  bool drive_dispatcher();
  void tick_runner() { runner_next_ = runner_.tick(); }
  void tick_schedules() { scheduled_reports_.tick(); }
  // When the runner or the dispatcher asked to be called.
  std::optional<UtcTime> next_call() const;

  // A commit failed: the process must end.
  bool doubtful() const noexcept { return doubtful_; }
  std::size_t tasks() const noexcept { return tasks_.size(); }
  std::uint64_t commits() const noexcept { return store_.commits(); }

  storage::Directory& directory() { return directory_; }
  storage::Ledgers& ledgers() { return ledgers_; }
  storage::Meter& meter() { return meter_; }
  storage::Schedules& schedules() { return schedules_; }
  queue::Scheduler& scheduler() { return scheduler_; }
  queue::Jobs& jobs() { return jobs_; }
  queue::Runner& runner() { return runner_; }
  webhook::Dispatcher& dispatcher() { return dispatcher_; }
  storage::AccountWriter& writer() { return writer_; }

  // The body of a callback, and the result of a job: the token of the worker that computed it, then the report.
  static std::string callback_body(const Job& job, std::string_view result);
  static std::string make_result(std::uint64_t token, const Report& report);

 private:
  Result<std::string> work(const Job& job, queue::JobContext& context);

  ManualClock& clock_;
  WorkFault work_fault_;
  bool doubtful_ = false;
  bool dispatcher_woken_ = true;
  std::optional<UtcTime> dispatcher_next_;
  std::optional<UtcTime> runner_next_;
  std::deque<std::function<void()>> tasks_;

  MortalStore store_;
  storage::AccountWriter writer_;
  CanaryWriter front_;
  storage::Directory directory_;
  storage::Ledgers ledgers_;
  storage::Meter meter_;
  storage::Schedules schedules_;
  queue::Scheduler scheduler_;
  webhook::Dispatcher dispatcher_;
  queue::Jobs jobs_;
  queue::Runner runner_;
  queue::ScheduledReports scheduled_reports_;
  Random& random_;
};

}  // namespace tally::sim

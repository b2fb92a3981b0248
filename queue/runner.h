// Takes ready jobs through claim, work and finish. Passive: work runs where the executor puts it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "queue/jobs.h"

namespace tally::queue {

// A running job's line to its rows.
class JobContext {
 public:
  virtual ~JobContext() = default;
  // Tells how far the work is and keeps the lease alive. Cheap: it writes only when half of the lease is over.
  virtual void progress(std::uint64_t done, std::uint64_t total) = 0;
  // True when the job was cancelled or its lease was lost: the result is not wanted any more.
  virtual bool abandoned() const = 0;
};

// Computes a job's result. Errc::invalid_argument, too_large, not_found and corrupt end the job; other errors are tried
// again.
using Work = std::function<Result<std::string>(const Job&, JobContext&)>;
// Runs a task soon, on some thread.
using Executor = std::function<void(std::function<void()>)>;

struct RunnerOptions {
  std::uint32_t in_flight_max = 64;  // claimed or finishing jobs; the work itself is bounded by the executor's threads
  std::int64_t lease_ms = 30'000;    // as in the job rules, and so is the next one
  std::uint32_t attempts_max = 5;
};

struct RunnerStats {
  std::uint64_t completed = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t lost = 0;  // finished too late: the lease was another's
};

// Thread-safe. Outlives every task given to the executor and every command given to the writer.
class Runner {
 public:
  Runner(Jobs& jobs, Scheduler& scheduler, Clock& clock, Work work, Executor execute, RunnerOptions options);

  // Starts as many jobs as there is room for. Called by Jobs::on_ready and by itself.
  void pump();
  // Brings back retries that are due and jobs whose lease ran out; returns when to call again, if there is a reason.
  std::optional<UtcTime> tick();
  // No new claims; the ones under way finish.
  void stop() noexcept { stopping_ = true; }
  std::uint32_t in_flight() const noexcept { return in_flight_; }
  RunnerStats stats() const noexcept { return {completed_, failed_attempts_, lost_}; }

 private:
  class Context;
  void claimed(const JobRef& ref, Result<Job> job);
  void run(const JobRef& ref, const Job& job);
  void finish(const JobRef& ref, const Job& job, Result<std::string> result);
  void settled(const JobRef& ref);

  Jobs& jobs_;
  Scheduler& scheduler_;
  Clock& clock_;
  Work work_;
  Executor execute_;
  RunnerOptions options_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<std::uint64_t> failed_attempts_{0};
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace tally::queue

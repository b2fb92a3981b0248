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
  // True when the job was cancelled or its lease was lost, and for batch work when the server is stopping: the result
  // is not wanted any more. Cheap; true within moments.
  virtual bool abandoned() const = 0;

  // For results that do not fit into memory. What was saved is there for the next attempt, if this one ends here; the
  // result that the work returns must tell what to make of the parts.
  //
  // What the last save said, and the parts and bytes that were saved until then; all empty: nothing was.
  struct Progress {
    std::string checkpoint;
    std::uint64_t parts = 0;
    std::uint64_t bytes = 0;
  };
  virtual Result<Progress> saved() = 0;
  // Adds parts with the place where the work goes on, in one commit. Returns before that is done, but waits while
  // several are under way. An error: the work is to end with it.
  virtual Result<void> save(Jobs::Saved saved) = 0;
};

// Computes a job's result. Errc::invalid_argument, too_large, not_found and corrupt end the job; other errors are tried
// again.
using Work = std::function<Result<std::string>(const Job&, JobContext&)>;
// Runs a task soon, on some thread.
using Executor = std::function<void(std::function<void()>)>;

struct RunnerOptions {
  std::uint32_t in_flight_max = 64;  // claimed or finishing jobs; the work itself is bounded by the executor's threads
  std::uint32_t batch_in_flight_max = 1;
  std::int64_t lease_ms = 30'000;  // as in the job rules, and so is the next one
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
  // `execute_batch` runs the work that nobody waits for, so that it takes no thread from the rest; null: as the rest.
  Runner(Jobs& jobs, Scheduler& scheduler, Clock& clock, Work work, Executor execute, RunnerOptions options,
         Executor execute_batch = nullptr);

  // Starts as many jobs as there is room for. Called by Jobs::on_ready and by itself.
  void pump();
  // Brings back retries that are due and jobs whose lease ran out; returns when to call again, if there is a reason.
  std::optional<UtcTime> tick();
  // No new claims; the ones under way finish, but for batch work, which goes on from where it was at the next start.
  void stop() noexcept { stopping_ = true; }
  std::uint32_t in_flight() const noexcept { return interactive_.in_flight + batch_.in_flight; }
  RunnerStats stats() const noexcept { return {completed_, failed_attempts_, lost_}; }

 private:
  class Context;
  struct Line;
  // A job that was taken: claimed, worked on or finishing.
  struct Attempt {
    JobRef ref;
    std::shared_ptr<Line> line;
    std::uint64_t watch = 0;  // of its end
  };
  struct Lane {
    std::uint32_t in_flight_max;
    Executor execute;
    std::atomic<std::uint32_t> in_flight{0};
  };
  Lane& lane_of(const JobRef& ref) { return ref.kind() == WorkKind::batch ? batch_ : interactive_; }
  void pump(WorkKind kind, Lane& lane);
  void claim(const JobRef& ref);
  void claimed(const Attempt& attempt, Result<Job> job);
  void run(const Attempt& attempt, Job job);
  void finish(const JobRef& ref, const Job& job, Result<std::string> result);
  void settled(const JobRef& ref);

  Jobs& jobs_;
  Scheduler& scheduler_;
  Clock& clock_;
  Work work_;
  RunnerOptions options_;
  Lane interactive_;
  Lane batch_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<std::uint64_t> failed_attempts_{0};
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace tally::queue

#include "queue/runner.h"

namespace tally::queue {

class Runner::Context final : public JobContext {
 public:
  Context(Runner& runner, const JobRef& ref, const Job& job)
      : runner_(runner),
        ref_(ref),
        job_(job),
        renewed_at_(job.started_at),
        abandoned_(std::make_shared<std::atomic<bool>>(false)) {}

  void progress(std::uint64_t done, std::uint64_t total) override {
    const UtcTime now = runner_.clock_.now();
    if (now < renewed_at_ + runner_.options_.lease_ms / 2) return;
    renewed_at_ = now;
    runner_.jobs_.extend(job_, done, total,
                         [&scheduler = runner_.scheduler_, ref = ref_, abandoned = abandoned_](const Result<Job>& job) {
                           if (job) {
                             scheduler.hold(ref, job->lease_until);
                           } else if (job.error().code != Errc::exhausted) {
                             *abandoned = true;
                           }
                         });
  }
  bool abandoned() const override { return *abandoned_; }

 private:
  Runner& runner_;
  const JobRef& ref_;
  const Job& job_;
  UtcTime renewed_at_;
  std::shared_ptr<std::atomic<bool>> abandoned_;
};

namespace {

constexpr std::int64_t pause_ms = 1000;  // before a claim that the writer had no room for is tried again

bool permanent(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::not_found:
    case Errc::too_large:
    case Errc::corrupt:
    case Errc::insufficient_credits:
      return true;
    case Errc::conflict:
    case Errc::rate_limited:
    case Errc::exhausted:
    case Errc::unavailable:
      return false;
  }
  return true;
}

}  // namespace

Runner::Runner(Jobs& jobs, Scheduler& scheduler, Clock& clock, Work work, Executor execute, RunnerOptions options)
    : jobs_(jobs),
      scheduler_(scheduler),
      clock_(clock),
      work_(std::move(work)),
      execute_(std::move(execute)),
      options_(options) {}

void Runner::pump() {
  while (!stopping_) {
    if (in_flight_.fetch_add(1) >= options_.in_flight_max) {
      --in_flight_;
      return;
    }
    const auto ref = scheduler_.take(clock_.now() + options_.lease_ms);
    if (!ref) {
      --in_flight_;
      // An offer between the look and the decrement found no room; its pump left the job to this one.
      if (scheduler_.ready() > 0 && in_flight_ < options_.in_flight_max) continue;
      return;
    }
    jobs_.claim(*ref, [this, ref = *ref](Result<Job> job) { claimed(ref, std::move(job)); });
  }
}

void Runner::claimed(const JobRef& ref, Result<Job> job) {
  if (job) {
    // The row's lease begins later than the one that take() noted.
    scheduler_.hold(ref, job->lease_until);
    execute_([this, ref, job = std::move(*job)] { run(ref, job); });
    return;
  }
  // With room again the lease need not run out first. (`settled` would pump, only to be refused again.)
  if (job.error().code == Errc::exhausted) {
    scheduler_.release(ref);
    const UtcTime now = clock_.now();
    scheduler_.offer(ref, now + pause_ms, now);
    --in_flight_;
    return;
  }
  if (job.error().code == Errc::unavailable) {
    --in_flight_;
    return;
  }
  settled(ref);  // cancelled or finished meanwhile, or held by another worker
}

void Runner::run(const JobRef& ref, const Job& job) {
  if (job.attempts > options_.attempts_max) {
    // It brought down every process that tried, or took longer than its lease each time.
    return finish(ref, job, fail(Errc::too_large, "no attempt came to an end", "attempts_exhausted"));
  }
  Context context(*this, ref, job);
  finish(ref, job, work_(job, context));
}

void Runner::finish(const JobRef& ref, const Job& job, Result<std::string> result) {
  const auto done = [this, ref, ok = result.has_value()](const Result<Job>& stored) {
    if (!stored && stored.error().code == Errc::conflict) ++lost_;
    if (stored && ok) ++completed_;
    if (stored && !ok) ++failed_attempts_;
    if (!stored && (stored.error().code == Errc::exhausted || stored.error().code == Errc::unavailable)) {
      --in_flight_;  // read-only: the lease brings the job back
      return;
    }
    if (stored && !stored->finished()) {
      scheduler_.release(ref);
      scheduler_.offer({stored->account, stored->id}, stored->run_after, clock_.now());
    }
    settled(ref);
  };
  if (result) {
    jobs_.complete(job, std::move(*result), done);
  } else {
    jobs_.fail_attempt(job, result.error(), permanent(result.error().code), done);
  }
}

void Runner::settled(const JobRef& ref) {
  scheduler_.release(ref);
  --in_flight_;
  pump();
}

std::optional<UtcTime> Runner::tick() {
  const auto next = scheduler_.tick(clock_.now());
  pump();
  return next;
}

}  // namespace tally::queue

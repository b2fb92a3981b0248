#include "queue/runner.h"

#include <condition_variable>
#include <mutex>

namespace tally::queue {

namespace {

constexpr std::int64_t pause_ms = 1000;  // before a claim that the writer had no room for is tried again
constexpr std::uint32_t saves_at_once_max = 4;

}  // namespace

// What callbacks on the committer's thread share with the work; it may outlive the work.
struct Runner::Line {
  std::atomic<bool> abandoned{false};
  std::mutex mutex;
  std::condition_variable saved;
  std::uint32_t saving = 0;
  std::optional<Error> error;
};

class Runner::Context final : public JobContext {
 public:
  Context(Runner& runner, const Attempt& attempt, Job& job)
      : runner_(runner), ref_(attempt.ref), job_(job), renewed_at_(job.started_at), line_(attempt.line) {}

  void progress(std::uint64_t done, std::uint64_t total) override {
    const UtcTime now = runner_.clock_.now();
    if (now < renewed_at_ + runner_.options_.lease_ms / 2) return;
    renewed_at_ = now;
    runner_.jobs_.extend(job_, done, total,
                         [&scheduler = runner_.scheduler_, ref = ref_, line = line_](const Result<Job>& job) {
                           if (job) {
                             scheduler.hold(ref, job->lease_until);
                           } else if (job.error().code != Errc::exhausted) {
                             line->abandoned = true;
                           }
                         });
  }

  bool abandoned() const override { return line_->abandoned || (runner_.stopping_ && ref_.kind() == WorkKind::batch); }

  Result<Progress> saved() override {
    Progress progress{{}, job_.saved_parts, job_.saved_bytes};
    if (job_.saved_parts == 0) return progress;
    auto checkpoint = runner_.jobs_.checkpoint(job_.account, job_.id);
    if (!checkpoint) return checkpoint.error();
    progress.checkpoint = std::move(*checkpoint);
    return progress;
  }

  Result<void> save(Jobs::Saved saved) override {
    {
      std::unique_lock lock(line_->mutex);
      line_->saved.wait(lock, [this] { return line_->saving < saves_at_once_max; });
      if (line_->error) return *line_->error;
      ++line_->saving;
    }
    renewed_at_ = runner_.clock_.now();
    const Job before = job_;
    job_.saved_parts += saved.parts.size();
    for (const std::string& part : saved.parts) job_.saved_bytes += part.size();
    runner_.jobs_.save(before, std::move(saved),
                       [&scheduler = runner_.scheduler_, ref = ref_, line = line_](const Result<Job>& job) {
                         if (job) scheduler.hold(ref, job->lease_until);
                         const std::lock_guard lock(line->mutex);
                         --line->saving;
                         if (!job && !line->error) line->error = job.error();
                         if (!job && job.error().code == Errc::conflict) line->abandoned = true;
                         line->saved.notify_one();
                       });
    return {};
  }

 private:
  Runner& runner_;
  const JobRef& ref_;
  Job& job_;
  UtcTime renewed_at_;
  std::shared_ptr<Line> line_;
};

namespace {

bool permanent(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::not_found:
    case Errc::too_large:
    case Errc::gone:
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

Runner::Runner(Jobs& jobs, Scheduler& scheduler, Clock& clock, Work work, Executor execute, RunnerOptions options,
               Executor execute_batch)
    : jobs_(jobs),
      scheduler_(scheduler),
      clock_(clock),
      work_(std::move(work)),
      options_(options),
      interactive_{options.in_flight_max, execute},
      batch_{options.batch_in_flight_max, execute_batch ? std::move(execute_batch) : std::move(execute)} {}

void Runner::pump() {
  pump(WorkKind::interactive, interactive_);
  pump(WorkKind::batch, batch_);
}

void Runner::pump(WorkKind kind, Lane& lane) {
  while (!stopping_) {
    if (lane.in_flight.fetch_add(1) >= lane.in_flight_max) {
      --lane.in_flight;
      return;
    }
    const auto ref = scheduler_.take(clock_.now() + options_.lease_ms, kind);
    if (!ref) {
      --lane.in_flight;
      // An offer between the look and the decrement found no room; its pump left the job to this one.
      if (scheduler_.ready(kind) > 0 && lane.in_flight < lane.in_flight_max) continue;
      return;
    }
    claim(*ref);
  }
}

void Runner::claim(const JobRef& ref) {
  Attempt attempt{ref, std::make_shared<Line>()};
  attempt.watch = jobs_.watch_claim(ref.id, [line = attempt.line] { line->abandoned = true; });
  jobs_.claim(ref, [this, attempt = std::move(attempt)](Result<Job> job) { claimed(attempt, std::move(job)); });
}

void Runner::claimed(const Attempt& attempt, Result<Job> job) {
  const JobRef& ref = attempt.ref;
  if (job) {
    // The row's lease begins later than the one that take() noted.
    scheduler_.hold(ref, job->lease_until);
    lane_of(ref).execute([this, attempt, job = std::move(*job)] { run(attempt, job); });
    return;
  }
  jobs_.unwatch(ref.id, attempt.watch);
  // With room again the lease need not run out first. (`settled` would pump, only to be refused again.)
  if (job.error().code == Errc::exhausted) {
    scheduler_.release(ref);
    const UtcTime now = clock_.now();
    scheduler_.offer(ref, now + pause_ms, now);
    --lane_of(ref).in_flight;
    return;
  }
  if (job.error().code == Errc::unavailable) {
    --lane_of(ref).in_flight;
    return;
  }
  settled(ref);  // cancelled or finished meanwhile, or held by another worker
}

void Runner::run(const Attempt& attempt, Job job) {
  const JobRef& ref = attempt.ref;
  if (job.attempts > options_.attempts_max) {
    jobs_.unwatch(ref.id, attempt.watch);
    // It brought down every process that tried, or took longer than its lease each time.
    return finish(ref, job, fail(Errc::too_large, "no attempt came to an end", "attempts_exhausted"));
  }
  Context context(*this, attempt, job);
  const Job claimed = job;  // the context counts in the other what it saves
  auto result = work_(claimed, context);
  jobs_.unwatch(job.id, attempt.watch);
  if (!result && stopping_ && context.abandoned()) {
    --lane_of(ref).in_flight;  // not its fault: the next start takes it up again
    return;
  }
  finish(ref, job, std::move(result));
}

void Runner::finish(const JobRef& ref, const Job& job, Result<std::string> result) {
  const auto done = [this, ref, ok = result.has_value()](const Result<Job>& stored) {
    if (!stored && stored.error().code == Errc::conflict) ++lost_;
    if (stored && ok) ++completed_;
    if (stored && !ok) ++failed_attempts_;
    if (!stored && (stored.error().code == Errc::exhausted || stored.error().code == Errc::unavailable)) {
      --lane_of(ref).in_flight;  // read-only: the lease brings the job back
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
  --lane_of(ref).in_flight;
  pump();
}

std::optional<UtcTime> Runner::tick() {
  const auto next = scheduler_.tick(clock_.now());
  pump();
  return next;
}

}  // namespace tally::queue

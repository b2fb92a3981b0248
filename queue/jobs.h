// Jobs as stored rows: submitting, claiming, finishing and cancelling, each one commit of the job's account.
//
// A job's row, its result, its place in the lists and the delivery of its outcome change together, so a crash leaves
// either all of a step or none. What the rules allow is core/job.h's to say; who is next is the scheduler's.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/delivery.h"
#include "core/histogram.h"
#include "core/job.h"
#include "queue/scheduler.h"
#include "storage/writer.h"

namespace tally::queue {

// The parts of other rooms that a finished job touches; the composition root joins them.
struct JobHooks {
  // The body of a callback: what a poll answers for this job with this result (empty unless completed).
  std::function<std::string(const Job& job, std::string_view result)> callback_body;
  // A delivery row was committed. Called on the committer's thread.
  std::function<void(const AccountId&, const DeliveryId&)> delivery_ready;
  // The end of a job, within its command: what it writes is committed with it. May be null.
  std::function<void(storage::AccountTx&, const Job&)> on_outcome = nullptr;
  // A job as it was committed, on the committer's thread. May be null; must be short.
  std::function<void(const Job&)> on_change = nullptr;
};

// Jobs that ended since the start, and how long each took.
struct JobStats {
  std::atomic<std::uint64_t> completed{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> cancelled{0};
  Histogram waited_ms;  // from the submit to the start of the last attempt; without those never started
  Histogram took_ms;    // from the submit to the end; without the cancelled ones
  JobStats();
  void count(const Job& job) noexcept;
};

// Thread-safe.
class Jobs {
 public:
  template <class T>
  using Then = std::function<void(Result<T>)>;

  Jobs(storage::Store& store, storage::Writer& writer, Scheduler& scheduler, Clock& clock, Random& random,
       JobRules rules, JobHooks hooks);

  // Offers every unfinished stored job again; call once, before any submit.
  Result<void> recover();

  // Called whenever a job may have become ready, on any thread.
  void on_ready(std::function<void()> wake) { wake_ = std::move(wake); }

  // Stores a queued job under a new id. `job` needs account, dialect, request and callback_url. Errors as
  // Scheduler::admit.
  void submit(Job job, Then<Job> done) { submit(std::move(job), nullptr, std::move(done)); }
  // With `within` run in the same command, which writes what must be committed with the job; its error refuses the
  // submit and goes to `done`.
  using Within = std::function<Result<void>(storage::AccountTx&, const Job&)>;
  void submit(Job job, Within within, Then<Job> done);

  // Errc::not_found also for another account's job; Errc::gone `report_expired` for one that drop_old() dropped, as
  // long as the store remembers it (30 days).
  Result<Job> find(const AccountId& account, const RequestId& id) const;
  // The stored result of a completed job.
  Result<std::string> result(const AccountId& account, const RequestId& id) const;

  // Parts of the rows of a large result, in order, from the one that holds the byte `from` on. Return false to stop.
  using PartVisitor = std::function<bool(std::uint64_t begins_at, std::string_view bytes)>;
  Result<void> read_parts(const AccountId& account, const RequestId& id, std::uint64_t parts, std::uint64_t from,
                          const PartVisitor& visit) const;

  struct Page {
    std::vector<Job> jobs;
    std::string next;  // empty: the last page
  };
  // The newest first; `cursor` is an earlier page's `next`. Errc::invalid_argument for a cursor that is none.
  Result<Page> list(const AccountId& account, std::size_t limit, std::string_view cursor) const;

  // Errc::conflict when it is finished already. What was saved of its result is erased.
  void cancel(const AccountId& account, const RequestId& id, Then<Job> done);

  // Calls `then` once, on the committer's thread, when the job is finished; at once if it is. The number takes it back.
  std::uint64_t watch(const AccountId& account, const RequestId& id, std::function<void()> then);
  // The same for a job that the caller claims next: an end before the claim refuses the claim, so nothing is read here.
  std::uint64_t watch_claim(const RequestId& id, std::function<void()> then);
  void unwatch(const RequestId& id, std::uint64_t watch);

  // For the runner. Each hands over the job as it was stored.
  void claim(const JobRef& ref, Then<Job> done);
  void extend(const Job& job, std::uint64_t progress_done, std::uint64_t progress_total, Then<Job> done);
  // Adds parts behind those that `job` tells, with the place where the work goes on behind them, in one commit. The
  // lease begins anew. Errc::conflict: the lease was lost, or an earlier save was: nothing was written.
  struct Saved {
    std::vector<std::string> parts;
    std::string checkpoint;
    std::uint64_t progress_done = 0;
    std::uint64_t progress_total = 0;
  };
  void save(const Job& job, Saved saved, Then<Job> done);
  // The latest such place; empty: from the start.
  Result<std::string> checkpoint(const AccountId& account, const RequestId& id) const;

  // Errc::conflict: the lease was lost, or what was saved is not what `job` tells; nothing was written.
  void complete(const Job& job, std::string result, Then<Job> done);
  void fail_attempt(const Job& job, const Error& error, bool permanent, Then<Job> done);

  const JobStats& stats() const noexcept { return stats_; }

  // Drops finished jobs created before `before` with their results and deliveries, at most `limit` of them, and
  // remembers that there were such; one whose
  // delivery is still pending waits for it. Returns how many were looked at for that.
  Result<std::size_t> drop_old(UtcTime before, std::size_t limit);

 private:
  using Change = std::function<Result<void>(storage::AccountTx&, Job&)>;
  void change(const AccountId& account, const RequestId& id, storage::Durability durability, Change change,
              Then<Job> done);
  // `result` is what a callback tells of.
  Result<void> store_outcome(storage::AccountTx& tx, Job& job, const std::string& result);
  void finished(const Job& job);
  void erase_parts(const Job& job);
  std::uint64_t next_order(UtcTime now) noexcept;

  storage::Store& store_;
  storage::Writer& writer_;
  Scheduler& scheduler_;
  Clock& clock_;
  Random& random_;
  JobRules rules_;
  JobHooks hooks_;
  std::function<void()> wake_;
  JobStats stats_;
  std::atomic<std::uint32_t> sequence_{0};
  std::atomic<std::uint64_t> last_order_{0};

  std::mutex watch_mutex_;
  std::unordered_map<RequestId, std::vector<std::pair<std::uint64_t, std::function<void()>>>> watches_;
  std::uint64_t next_watch_ = 1;
};

}  // namespace tally::queue

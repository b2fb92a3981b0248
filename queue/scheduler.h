// Which job is next: fair between accounts, bounded, aware of retries and of leases that ran out, and of two kinds of
// work: what somebody waits for, and the operator's reports over many accounts. Passive: it has no
// thread and asks for no time; the stored rows (queue/jobs.h) are the truth, this is their index in memory.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/ids.h"
#include "core/result.h"
#include "core/time.h"

namespace tally::queue {

struct SchedulerLimits {
  std::uint32_t unfinished_per_account_max = 100'000;
  std::uint32_t unfinished_max = 1'000'000;
};

// interactive: the accounts' own jobs; batch: those of system_account(), one after the other in the order they came.
enum class WorkKind : std::uint8_t { interactive, batch };

struct JobRef {
  WorkKind kind() const;

  AccountId account;
  RequestId id;
  bool orphaned = false;    // its lease belonged to a process that is gone
  std::uint64_t lease = 0;  // who holds it: numbered by take()
};

// Thread-safe.
class Scheduler {
 public:
  explicit Scheduler(SchedulerLimits limits) : limits_(limits) {}

  // Makes room for one more unfinished job. Errc::rate_limited when the account's share is used up, Errc::exhausted
  // when the queue is full. `retire` gives the room back when the job is finished, or was never stored.
  Result<void> admit(const AccountId& account);
  void admit_stored(const AccountId& account);  // at recovery: counted, never refused
  void retire(const AccountId& account);

  // The job may run from `run_after` on.
  void offer(JobRef job, UtcTime run_after, UtcTime now);

  // The next job of that kind, the accounts taking turns whatever their numbers of jobs. The caller holds it until
  // `lease_until`; it comes back by tick() when that time passes without hold() or release().
  std::optional<JobRef> take(UtcTime lease_until, WorkKind kind = WorkKind::interactive);
  // The stored row says that this holder has it until then, so whoever else took it meanwhile does not.
  void hold(const JobRef& job, UtcTime lease_until);
  // This holder is done with it, whatever came of it. Nothing happens if it is another's by now.
  void release(const JobRef& job);

  // Moves due retries and jobs with expired leases to where take() finds them. Returns when to call again, if there is
  // a reason.
  std::optional<UtcTime> tick(UtcTime now);

  struct Stats {
    std::size_t ready = 0;
    std::size_t delayed = 0;  // until a retry is due
    std::size_t leased = 0;
    std::optional<UtcTime> oldest;  // when the longest waiting of the ready ones was submitted, to the second
  };
  // Looks at every account that has a ready job: for metrics, not for every request.
  Stats stats() const;

  std::size_t ready(WorkKind kind = WorkKind::interactive) const;
  std::size_t unfinished() const;

 private:
  struct Leased {
    JobRef job;
    std::multimap<UtcTime, RequestId>::iterator expiry;
  };
  void enqueue(JobRef job);
  std::optional<AccountId> next_turn(WorkKind kind);
  void lease(JobRef job, UtcTime lease_until);

  mutable std::mutex mutex_;
  SchedulerLimits limits_;
  std::unordered_map<AccountId, std::uint32_t> unfinished_;
  std::size_t unfinished_total_ = 0;
  std::unordered_map<AccountId, std::deque<JobRef>> lanes_;  // only accounts with a ready job
  std::deque<AccountId> turns_;                              // each of those once, but for system_account()
  std::size_t ready_ = 0;                                    // of either kind
  std::multimap<UtcTime, JobRef> delayed_;
  std::multimap<UtcTime, RequestId> expiries_;
  std::unordered_map<RequestId, Leased> leased_;
  std::uint64_t last_lease_ = 0;
};

}  // namespace tally::queue

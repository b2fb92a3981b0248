#include "queue/scheduler.h"

#include "storage/store.h"

namespace tally::queue {

WorkKind JobRef::kind() const {
  return account == storage::system_account() ? WorkKind::batch : WorkKind::interactive;
}

Result<void> Scheduler::admit(const AccountId& account) {
  const std::lock_guard lock(mutex_);
  if (unfinished_total_ >= limits_.unfinished_max) return fail(Errc::exhausted, "the job queue is full", "queue_full");
  std::uint32_t& count = unfinished_[account];
  if (count >= limits_.unfinished_per_account_max) {
    return fail(Errc::rate_limited, "too many unfinished jobs of this account", "too_many_jobs");
  }
  ++count;
  ++unfinished_total_;
  return {};
}

void Scheduler::admit_stored(const AccountId& account) {
  const std::lock_guard lock(mutex_);
  ++unfinished_[account];
  ++unfinished_total_;
}

void Scheduler::retire(const AccountId& account) {
  const std::lock_guard lock(mutex_);
  const auto found = unfinished_.find(account);
  if (found == unfinished_.end()) return;
  --unfinished_total_;
  if (--found->second == 0) unfinished_.erase(found);
}

void Scheduler::enqueue(JobRef job) {
  std::deque<JobRef>& lane = lanes_[job.account];
  if (lane.empty() && job.kind() == WorkKind::interactive) turns_.push_back(job.account);
  lane.push_back(std::move(job));
  ++ready_;
}

void Scheduler::offer(JobRef job, UtcTime run_after, UtcTime now) {
  const std::lock_guard lock(mutex_);
  if (run_after > now) {
    delayed_.emplace(run_after, std::move(job));
  } else {
    enqueue(std::move(job));
  }
}

std::optional<AccountId> Scheduler::next_turn(WorkKind kind) {
  if (kind == WorkKind::batch) {
    if (!lanes_.contains(storage::system_account())) return std::nullopt;
    return storage::system_account();
  }
  if (turns_.empty()) return std::nullopt;
  AccountId account = std::move(turns_.front());
  turns_.pop_front();
  return account;
}

std::optional<JobRef> Scheduler::take(UtcTime lease_until, WorkKind kind) {
  const std::lock_guard lock(mutex_);
  while (auto account = next_turn(kind)) {
    const auto lane = lanes_.find(*account);
    JobRef job = std::move(lane->second.front());
    lane->second.pop_front();
    --ready_;
    if (lane->second.empty()) {
      lanes_.erase(lane);
    } else if (kind == WorkKind::interactive) {
      turns_.push_back(std::move(*account));
    }
    // A job can be offered twice (its lease ran out and then its holder failed); its holder brings it back if need be.
    if (leased_.contains(job.id)) continue;
    job.lease = ++last_lease_;
    lease(job, lease_until);
    return job;
  }
  return std::nullopt;
}

void Scheduler::lease(JobRef job, UtcTime lease_until) {
  // Whoever takes it after this lease deals with a lease of this process.
  job.orphaned = false;
  const RequestId id = job.id;
  leased_.emplace(id, Leased{std::move(job), expiries_.emplace(lease_until, id)});
}

void Scheduler::hold(const JobRef& job, UtcTime lease_until) {
  const std::lock_guard lock(mutex_);
  if (const auto found = leased_.find(job.id); found != leased_.end()) {
    expiries_.erase(found->second.expiry);
    leased_.erase(found);
  }
  lease(job, lease_until);
}

void Scheduler::release(const JobRef& job) {
  const std::lock_guard lock(mutex_);
  const auto found = leased_.find(job.id);
  if (found == leased_.end() || found->second.job.lease != job.lease) return;
  expiries_.erase(found->second.expiry);
  leased_.erase(found);
}

std::optional<UtcTime> Scheduler::tick(UtcTime now) {
  const std::lock_guard lock(mutex_);
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    enqueue(std::move(delayed_.begin()->second));
    delayed_.erase(delayed_.begin());
  }
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const auto found = leased_.find(expiries_.begin()->second);
    enqueue(std::move(found->second.job));
    leased_.erase(found);
    expiries_.erase(expiries_.begin());
  }
  std::optional<UtcTime> next;
  if (!delayed_.empty()) next = delayed_.begin()->first;
  if (!expiries_.empty() && (!next || expiries_.begin()->first < *next)) next = expiries_.begin()->first;
  return next;
}

Scheduler::Stats Scheduler::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats{ready_, delayed_.size(), leased_.size(), std::nullopt};
  for (const auto& [account, lane] : lanes_) {
    const UtcTime submitted = made_at(lane.front().id);
    if (!stats.oldest || submitted < *stats.oldest) stats.oldest = submitted;
  }
  return stats;
}

std::size_t Scheduler::ready(WorkKind kind) const {
  const std::lock_guard lock(mutex_);
  const auto batch = lanes_.find(storage::system_account());
  const std::size_t batches = batch == lanes_.end() ? 0 : batch->second.size();
  return kind == WorkKind::batch ? batches : ready_ - batches;
}

std::size_t Scheduler::unfinished() const {
  const std::lock_guard lock(mutex_);
  return unfinished_total_;
}

}  // namespace tally::queue

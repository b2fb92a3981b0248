#include "http/waiters.h"

#include <algorithm>

namespace tally::http {
namespace {

std::int64_t now_ms(const Clock& clock) {
  return clock.mono().ns / 1'000'000;
}

}  // namespace

struct Waiters::Waiter final : TimerWheel::Timer {
  Waiter(std::uint64_t number, std::function<void()> call, std::vector<std::uint64_t>& due_list)
      : id(number), then(std::move(call)), due(due_list) {}
  void expired() override { due.push_back(id); }

  std::uint64_t id;
  std::function<void()> then;
  std::vector<std::uint64_t>& due;
};

Waiters::Waiters(const Clock& clock, std::int64_t tick_ms) : clock_(clock), wheel_(now_ms(clock), tick_ms) {}
Waiters::~Waiters() = default;

Loop::TimerId Waiters::after(std::int64_t ms, std::function<void()> then) {
  // Half a tick late is fine, early is not: the present may lie anywhere within its millisecond.
  const std::int64_t due_ms = now_ms(clock_) + std::max<std::int64_t>(ms, 0) + 1;
  const std::scoped_lock lock(mutex_);
  auto waiter = std::make_unique<Waiter>(++last_id_, std::move(then), due_);
  wheel_.arm(*waiter, due_ms);
  pending_.emplace(last_id_, std::move(waiter));
  return Loop::TimerId{last_id_};
}

bool Waiters::cancel(Loop::TimerId id) {
  std::unique_ptr<Waiter> cancelled;  // declared first: what it holds is freed after the lock
  const std::scoped_lock lock(mutex_);
  const auto found = pending_.find(static_cast<std::uint64_t>(id));
  if (found == pending_.end()) return false;
  cancelled = std::move(found->second);
  pending_.erase(found);
  wheel_.cancel(*cancelled);
  return true;
}

void Waiters::advance() {
  std::vector<std::unique_ptr<Waiter>> due;
  {
    const std::scoped_lock lock(mutex_);
    wheel_.advance(now_ms(clock_));
    for (const std::uint64_t id : due_) {
      const auto found = pending_.find(id);
      due.push_back(std::move(found->second));
      pending_.erase(found);
    }
    due_.clear();
  }
  for (const auto& waiter : due) waiter->then();
}

}  // namespace tally::http

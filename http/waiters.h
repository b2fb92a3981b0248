// The timers of a Loop: passive, driven by the server's tick.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "http/loop.h"
#include "http/timer_wheel.h"

namespace tally::http {

// Thread-safe. Times are taken from `clock`, which must outlive it.
class Waiters {
 public:
  Waiters(const Clock& clock, std::int64_t tick_ms);
  ~Waiters();

  Loop::TimerId after(std::int64_t ms, std::function<void()> then);
  bool cancel(Loop::TimerId id);
  // Calls what is due, on the caller's thread and without a lock held.
  void advance();

 private:
  struct Waiter;

  const Clock& clock_;
  std::mutex mutex_;
  TimerWheel wheel_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Waiter>> pending_;
  std::vector<std::uint64_t> due_;
};

}  // namespace tally::http

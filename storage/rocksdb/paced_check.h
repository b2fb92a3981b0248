// A yes-or-no question that is too slow to ask every time, such as how full the disk is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>

#include "core/clock.h"

namespace tally::storage {

// Remembers the answer and asks again once `interval_ms` went by or `progress_max` was reported. Thread-safe; a thread
// that finds another one asking takes the old answer.
class PacedCheck {
 public:
  PacedCheck(const Clock& clock, std::int64_t interval_ms, std::uint64_t progress_max, std::function<bool()> ask)
      : clock_(clock), interval_ns_(interval_ms * 1'000'000), progress_max_(progress_max), ask_(std::move(ask)) {}

  void progress(std::uint64_t amount) { progress_.fetch_add(amount, std::memory_order_relaxed); }

  bool get() {
    if (due()) {
      // Before the first answer there is no old one to take, so everybody waits for it.
      std::unique_lock lock(asking_, std::defer_lock);
      if (asked_) {
        (void)lock.try_lock();
      } else {
        lock.lock();
      }
      if (lock.owns_lock() && due()) {
        progress_ = 0;
        answer_ = ask_();
        asked_ns_ = clock_.mono().ns;
        asked_ = true;
      }
    }
    return answer_;
  }

 private:
  bool due() const {
    return !asked_ || progress_.load(std::memory_order_relaxed) >= progress_max_ ||
           clock_.mono().ns - asked_ns_ >= interval_ns_;
  }

  const Clock& clock_;
  const std::int64_t interval_ns_;
  const std::uint64_t progress_max_;
  const std::function<bool()> ask_;
  std::mutex asking_;
  std::atomic<bool> asked_{false};
  std::atomic<bool> answer_{false};
  std::atomic<std::int64_t> asked_ns_{0};
  std::atomic<std::uint64_t> progress_{0};
};

}  // namespace tally::storage

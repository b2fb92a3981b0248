// Many coarse timers for the price of a few pointers each: a hashed timing wheel. Passive: whoever owns it calls
// advance().
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tally::http {

// Not thread-safe. Times are milliseconds of one monotonic clock.
class TimerWheel {
 public:
  // A timer is part of the object that waits; it leaves the wheel by itself when destroyed, and neither copies nor
  // moves.
  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual ~Timer() { unlink(); }
    bool armed() const noexcept { return next_ != nullptr; }

   private:
    friend class TimerWheel;
    // Called by advance(), disarmed. May arm, cancel and destroy any timer, this one too.
    virtual void expired() = 0;
    void unlink() noexcept;

    Timer* next_ = nullptr;
    Timer* previous_ = nullptr;
    std::int64_t due_tick_ = 0;
  };

  // A timer fires at the first advance() that is at or past its time rounded up to a multiple of `tick_ms`. Timers
  // further away than a turn of the wheel cost one look per turn.
  TimerWheel(std::int64_t now_ms, std::int64_t tick_ms, std::size_t slots = 1024);
  // Timers that are still armed are forgotten.
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms or re-arms. A time in the past fires at the next advance() that reaches a new tick.
  void arm(Timer& timer, std::int64_t due_ms);
  void cancel(Timer& timer) noexcept { timer.unlink(); }
  void advance(std::int64_t now_ms);

 private:
  struct Anchor final : Timer {
    Anchor() noexcept;
    void expired() override {}
  };
  static void link(Timer& anchor, Timer& timer) noexcept;
  void collect(Timer& slot, std::int64_t now_tick, Timer& due) noexcept;

  std::int64_t tick_ms_;
  std::int64_t tick_;  // all timers due at or before this tick have fired
  std::vector<Anchor> slots_;
};

}  // namespace tally::http

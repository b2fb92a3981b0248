#include "http/timer_wheel.h"

#include <algorithm>
#include <cassert>

namespace tally::http {

void TimerWheel::Timer::unlink() noexcept {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

TimerWheel::Anchor::Anchor() noexcept {
  next_ = previous_ = this;
}

TimerWheel::TimerWheel(std::int64_t now_ms, std::int64_t tick_ms, std::size_t slots)
    : tick_ms_(tick_ms), tick_(now_ms / tick_ms), slots_(slots) {
  assert(tick_ms > 0 && slots > 0 && now_ms >= 0);
}

TimerWheel::~TimerWheel() {
  for (Anchor& slot : slots_)
    while (slot.next_ != &slot) slot.next_->unlink();
}

void TimerWheel::link(Timer& anchor, Timer& timer) noexcept {
  timer.previous_ = anchor.previous_;
  timer.next_ = &anchor;
  timer.previous_->next_ = &timer;
  anchor.previous_ = &timer;
}

void TimerWheel::arm(Timer& timer, std::int64_t due_ms) {
  timer.unlink();
  timer.due_tick_ = std::max((due_ms + tick_ms_ - 1) / tick_ms_, tick_ + 1);
  link(slots_[static_cast<std::size_t>(timer.due_tick_) % slots_.size()], timer);
}

void TimerWheel::collect(Timer& slot, std::int64_t now_tick, Timer& due) noexcept {
  for (Timer* timer = slot.next_; timer != &slot;) {
    Timer* const next = timer->next_;
    if (timer->due_tick_ <= now_tick) {
      timer->unlink();
      link(due, *timer);
    }
    timer = next;
  }
}

void TimerWheel::advance(std::int64_t now_ms) {
  const std::int64_t now_tick = now_ms / tick_ms_;
  if (now_tick <= tick_) return;
  // After a long pause every slot is due once, not once per tick missed.
  const auto passed = std::min<std::int64_t>(now_tick - tick_, static_cast<std::int64_t>(slots_.size()));
  Anchor due;
  for (std::int64_t i = 0; i < passed; ++i)
    collect(slots_[static_cast<std::size_t>(now_tick - i) % slots_.size()], now_tick, due);
  tick_ = now_tick;
  // The list stays linked while callbacks run, so a callback that cancels or destroys another due timer takes it off.
  while (due.next_ != &due) {
    Timer* const timer = due.next_;
    timer->unlink();
    timer->expired();
  }
}

}  // namespace tally::http

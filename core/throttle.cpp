#include "core/throttle.h"

#include <algorithm>

namespace tally {

// A clock that was set back ends a window too.
bool Throttle::is_over(const ThrottleRules& rules, UtcTime now) const noexcept {
  return now < begun_ || now >= begun_ + rules.window_ms;
}

RateState Throttle::take(const ThrottleRules& rules, UtcTime now) noexcept {
  if (is_over(rules, now)) *this = Throttle();
  if (used_ == 0) begun_ = now;
  if (!refusing_ && used_ >= rules.calls) {
    refusing_ = true;
    begun_ = now;
  }
  if (!refusing_) ++used_;
  RateState state;
  state.allowed = !refusing_;
  state.limit = rules.calls;
  state.remaining = refusing_ ? 0 : rules.calls - used_;
  state.reset_at = begun_ + rules.window_ms;
  state.reset_seconds = std::max<std::int64_t>(1, (state.reset_at.ms() - now.ms() + second_ms - 1) / second_ms);
  return state;
}

}  // namespace tally

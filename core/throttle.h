// One budget of calls per window, and a full window of waiting for who passes it: pure counting, no clock.
#pragma once

#include <cstdint>

#include "core/rate_limit.h"
#include "core/time.h"

namespace tally {

struct ThrottleRules {
  std::uint32_t calls = 1000;
  std::int64_t window_ms = 5 * minute_ms;
};

// A window begins with the first call in it. The call that passes the budget is refused and begins a window in which
// every call is; those begin no other.
class Throttle {
 public:
  RateState take(const ThrottleRules& rules, UtcTime now) noexcept;
  // True when nothing that was counted matters any longer.
  bool is_over(const ThrottleRules& rules, UtcTime now) const noexcept;

 private:
  UtcTime begun_;
  std::uint32_t used_ = 0;
  bool refusing_ = false;
};

}  // namespace tally

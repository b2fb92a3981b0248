// Calls allowed per key and window: pure counting, no clock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace tally {

// Absent: no limit of that window.
struct RateLimits {
  std::optional<std::uint32_t> per_second, per_minute, per_hour, per_day;
  bool none() const noexcept { return !per_second && !per_minute && !per_hour && !per_day; }
  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

// What a limited answer says: the window with the fewest calls left (of equal ones the one that resets last).
struct RateState {
  bool allowed = true;
  std::uint32_t limit = 0;         // 0: the key has no limit at all
  std::uint32_t remaining = 0;     // after this call
  std::int64_t reset_seconds = 0;  // until that window starts anew, at least 1
  UtcTime reset_at;
};

// Fixed windows on the UTC clock (a minute begins at second 0). A refused call counts nowhere.
class RateWindow {
 public:
  RateState take(const RateLimits& limits, UtcTime now);
  // True when no window that calls were counted in lasts any longer.
  bool is_over(UtcTime now) const noexcept;

  friend std::string encode(const RateWindow& window);
  friend Result<RateWindow> decode_rate_window(std::string_view bytes);

 private:
  struct Slot {
    std::int64_t window = -1;
    std::uint32_t used = 0;
  };
  std::array<Slot, 4> slots_{};
};

std::string encode(const RateWindow& window);
Result<RateWindow> decode_rate_window(std::string_view bytes);

}  // namespace tally

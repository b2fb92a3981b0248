// When a failed delivery or job is tried again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"

namespace tally {

// The waits after the first, second, ... failed attempt. Default: the schedule of the Standard Webhooks specification.
struct RetrySchedule {
  std::vector<std::int64_t> waits_seconds = {5, 300, 1800, 7200, 18000, 36000, 36000};

  // The time of the next attempt after `failed_attempts` failures (>= 1), or nothing when the schedule is used up.
  // Jitter lengthens a wait by up to a tenth, never shortens it. A receiver's `retry_after_seconds` can postpone the
  // attempt, at most by a day.
  std::optional<UtcTime> next(UtcTime now, int failed_attempts, Random& random,
                              std::int64_t retry_after_seconds = 0) const;
};

}  // namespace tally

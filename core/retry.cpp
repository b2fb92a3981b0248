#include "core/retry.h"

#include <algorithm>
#include <cassert>

namespace tally {

std::optional<UtcTime> RetrySchedule::next(UtcTime now, int failed_attempts, Random& random,
                                           std::int64_t retry_after_seconds) const {
  assert(failed_attempts >= 1);
  const auto index = static_cast<std::size_t>(failed_attempts - 1);
  if (index >= waits_seconds.size()) return std::nullopt;

  const std::int64_t wait_ms = waits_seconds[index] * second_ms;
  const auto jitter_ms = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(wait_ms / 10) + 1));
  const std::int64_t asked_ms = std::clamp<std::int64_t>(retry_after_seconds, 0, day_ms / second_ms) * second_ms;
  return now + std::max(wait_ms + jitter_ms, asked_ms);
}

}  // namespace tally

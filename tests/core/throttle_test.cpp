#include "core/throttle.h"

#include <doctest/doctest.h>

namespace throttle_test {

using namespace tally;

namespace {

constexpr ThrottleRules three_a_minute{.calls = 3, .window_ms = minute_ms};
const UtcTime noon = *UtcTime::parse("2026-05-10T12:00:00Z");

bool takes(Throttle& throttle, UtcTime now) {
  return throttle.take(three_a_minute, now).allowed;
}

}  // namespace

TEST_CASE("throttle: a window begins with its first call and permits its budget") {
  Throttle throttle;
  const RateState first = throttle.take(three_a_minute, noon);
  CHECK(first.allowed);
  CHECK(first.limit == 3);
  CHECK(first.remaining == 2);
  CHECK(first.reset_at == noon + minute_ms);
  CHECK(first.reset_seconds == 60);
  CHECK(throttle.take(three_a_minute, noon + 59'001).remaining == 1);
  CHECK(throttle.take(three_a_minute, noon + 59'001).reset_seconds == 1);
  CHECK(throttle.take(three_a_minute, noon + minute_ms).remaining == 2);
}

TEST_CASE("throttle: who passes the budget waits a full window from then on, and no longer for asking again") {
  Throttle throttle;
  for (int i = 0; i < 3; ++i) CHECK(takes(throttle, noon));
  const UtcTime passed = noon + 50 * second_ms;
  const RateState refused = throttle.take(three_a_minute, passed);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  CHECK(refused.reset_at == passed + minute_ms);
  CHECK(refused.reset_seconds == 60);
  CHECK_FALSE(takes(throttle, noon + minute_ms));
  CHECK(throttle.take(three_a_minute, passed + 59 * second_ms).reset_seconds == 1);
  CHECK(takes(throttle, passed + minute_ms));
  CHECK(throttle.take(three_a_minute, passed + minute_ms).remaining == 1);
}

TEST_CASE("throttle: what was counted is over with its window, and when the clock was set back") {
  Throttle throttle;
  CHECK(throttle.is_over(three_a_minute, noon));
  CHECK(takes(throttle, noon));
  CHECK_FALSE(throttle.is_over(three_a_minute, noon + minute_ms - 1));
  CHECK(throttle.is_over(three_a_minute, noon + minute_ms));
  CHECK(throttle.is_over(three_a_minute, noon - 1));
  CHECK(throttle.take(three_a_minute, noon - hour_ms).remaining == 2);
}

}  // namespace throttle_test

#include "core/rate_limit.h"

#include <doctest/doctest.h>

#include <map>

#include "core/manual.h"

namespace rate_limit_test {

using namespace tally;

namespace {

const UtcTime noon = UtcTime::parse("2026-02-03T12:00:00Z").value();

}  // namespace

TEST_CASE("rate limit: a key without limits is always allowed and says so") {
  RateWindow window;
  for (int i = 0; i < 100; ++i) {
    const RateState state = window.take({}, noon);
    CHECK(state.allowed);
    CHECK(state.limit == 0);
  }
}

TEST_CASE("rate limit: a window allows its limit and no more until it starts anew") {
  RateWindow window;
  RateLimits limits;
  limits.per_minute = 3;
  const UtcTime t = noon + 10'500;
  for (std::uint32_t left = 3; left-- > 0;) {
    const RateState state = window.take(limits, t);
    CHECK(state.allowed);
    CHECK(state.limit == 3);
    CHECK(state.remaining == left);
    CHECK(state.reset_at == noon + minute_ms);
    CHECK(state.reset_seconds == 50);
  }
  const RateState refused = window.take(limits, noon + minute_ms - 1);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  CHECK(refused.reset_seconds == 1);
  CHECK(window.take(limits, noon + minute_ms).allowed);
}

TEST_CASE("rate limit: a refused call counts in no window") {
  RateWindow window;
  RateLimits limits;
  limits.per_second = 1;
  limits.per_minute = 3;
  CHECK(window.take(limits, noon).allowed);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(window.take(limits, noon + 1).allowed);
  CHECK(window.take(limits, noon + second_ms).allowed);
  CHECK(window.take(limits, noon + 2 * second_ms).allowed);
  CHECK_FALSE(window.take(limits, noon + 3 * second_ms).allowed);
}

TEST_CASE(
    "rate limit: the answer names the window with the fewest calls left, of equal ones the one that resets last") {
  RateWindow window;
  RateLimits limits;
  limits.per_minute = 2;
  limits.per_hour = 10;
  CHECK(window.take(limits, noon).limit == 2);

  RateWindow equal;
  limits.per_hour = 2;
  const RateState state = equal.take(limits, noon);
  CHECK(state.remaining == 1);
  CHECK(state.reset_at == noon + hour_ms);
  CHECK(state.reset_seconds == 3600);

  RateWindow both;
  limits.per_second = 1;
  limits.per_minute = 5;
  limits.per_hour = std::nullopt;
  limits.per_day = 1;
  CHECK(both.take(limits, noon).allowed);
  const RateState refused = both.take(limits, noon);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.limit == 1);
  CHECK(refused.reset_at == noon + 12 * hour_ms);
}

TEST_CASE("rate limit: a limit of zero refuses every call") {
  RateWindow window;
  RateLimits limits;
  limits.per_day = 0;
  const RateState state = window.take(limits, noon);
  CHECK_FALSE(state.allowed);
  CHECK(state.remaining == 0);
}

TEST_CASE("rate limit: a limit that was lowered below what is used refuses, one that was raised allows") {
  RateWindow window;
  RateLimits limits;
  limits.per_hour = 5;
  for (int i = 0; i < 5; ++i) CHECK(window.take(limits, noon).allowed);
  limits.per_hour = 2;
  const RateState refused = window.take(limits, noon);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  limits.per_hour = 6;
  CHECK(window.take(limits, noon).allowed);
}

TEST_CASE("rate limit: a call that arrives a moment out of order does not wipe the window that has begun") {
  RateWindow window;
  RateLimits limits;
  limits.per_second = 2;
  CHECK(window.take(limits, noon).allowed);
  CHECK(window.take(limits, noon - 1).allowed);
  CHECK_FALSE(window.take(limits, noon).allowed);
  CHECK_FALSE(window.take(limits, noon - 1).allowed);
}

TEST_CASE("rate limit: a clock that was set back does not lock a key out") {
  RateWindow window;
  RateLimits limits;
  limits.per_day = 1;
  CHECK(window.take(limits, noon + 365 * day_ms).allowed);
  CHECK(window.take(limits, noon).allowed);
  CHECK_FALSE(window.take(limits, noon).allowed);
}

TEST_CASE("rate limit: no window ever lets more calls through than its limit") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    RateLimits limits;
    limits.per_second = 2;
    limits.per_minute = 1 + static_cast<std::uint32_t>(random.below(40));
    limits.per_hour = 1 + static_cast<std::uint32_t>(random.below(200));
    RateWindow window;
    std::map<std::pair<std::int64_t, std::int64_t>, std::uint32_t> used;
    UtcTime t = noon;
    for (int i = 0; i < 2000; ++i) {
      t = t + static_cast<std::int64_t>(random.below(4000));
      const RateState state = window.take(limits, t);
      const std::pair<std::int64_t, std::uint32_t> windows[] = {
          {second_ms, *limits.per_second}, {minute_ms, *limits.per_minute}, {hour_ms, *limits.per_hour}};
      bool fits = true;
      for (const auto& [size, limit] : windows) fits &= used[{size, t.ms() / size}] < limit;
      REQUIRE(state.allowed == fits);
      for (const auto& [size, limit] : windows) used[{size, t.ms() / size}] += fits ? 1 : 0;
    }
  }
}

TEST_CASE("rate limit: a window survives its bytes") {
  RateWindow window;
  RateLimits limits;
  limits.per_hour = 3;
  window.take(limits, noon);
  window.take(limits, noon);
  RateWindow read = *decode_rate_window(encode(window));
  CHECK(read.take(limits, noon).remaining == 0);
  CHECK_FALSE(read.take(limits, noon).allowed);
  CHECK(decode_rate_window(encode(window) + "x").error().code == Errc::corrupt);
  CHECK(decode_rate_window("").error().code == Errc::corrupt);
}

TEST_CASE("rate limit: a window is over when its longest count is") {
  RateWindow window;
  CHECK(window.is_over(noon));
  RateLimits limits;
  limits.per_second = 3;
  window.take(limits, noon);
  CHECK_FALSE(window.is_over(noon + hour_ms));
  CHECK(window.is_over(noon + day_ms));
}

}  // namespace rate_limit_test

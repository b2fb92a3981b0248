#include "core/retry.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/manual.h"

namespace retry_test {

using namespace tally;

namespace {

const UtcTime now = UtcTime::parse("2026-02-03T12:00:00Z").value();

}  // namespace

TEST_CASE("retry: the default schedule is the one of the Standard Webhooks, with up to a tenth of jitter") {
  const RetrySchedule schedule;
  const std::int64_t waits[] = {5, 300, 1800, 7200, 18000, 36000, 36000};
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SeededRandom random(seed);
    for (int failed = 1; failed <= 7; ++failed) {
      const auto next = schedule.next(now, failed, random);
      REQUIRE(next);
      const std::int64_t wait_ms = waits[failed - 1] * 1000;
      REQUIRE(*next >= now + wait_ms);
      REQUIRE(*next <= now + wait_ms + wait_ms / 10);
    }
    CHECK_FALSE(schedule.next(now, 8, random));
    CHECK_FALSE(schedule.next(now, 1000, random));
  }
}

TEST_CASE("retry: jitter reaches both of its ends") {
  const RetrySchedule schedule{{1}};
  SeededRandom random(7);
  std::int64_t least = second_ms;
  std::int64_t most = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::int64_t jitter = schedule.next(now, 1, random)->ms() - now.ms() - second_ms;
    least = std::min(least, jitter);
    most = std::max(most, jitter);
  }
  CHECK(least == 0);
  CHECK(most == 100);
}

TEST_CASE("retry: a receiver can postpone an attempt by at most a day and never hasten it") {
  const RetrySchedule schedule;
  SeededRandom random(1);
  CHECK(*schedule.next(now, 1, random, 60) == now + minute_ms);
  CHECK(*schedule.next(now, 1, random, 86'400) == now + day_ms);
  CHECK(*schedule.next(now, 1, random, 1'000'000'000'000'000'000) == now + day_ms);
  CHECK(*schedule.next(now, 2, random, 1) >= now + 300 * second_ms);
  CHECK(*schedule.next(now, 2, random, -1'000'000'000'000'000'000) >= now + 300 * second_ms);
}

TEST_CASE("retry: a receiver cannot buy attempts beyond the schedule") {
  SeededRandom random(1);
  CHECK_FALSE(RetrySchedule{{1, 2}}.next(now, 3, random, 60));
  CHECK_FALSE(RetrySchedule{{}}.next(now, 1, random));
}

}  // namespace retry_test

#include "http/timer_wheel.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <vector>

namespace tally::http::timer_wheel_test {
namespace {

struct TestTimer final : TimerWheel::Timer {
  explicit TestTimer(std::function<void()> f = [] {}) : then(std::move(f)) {}
  void expired() override {
    ++fired;
    then();
  }
  int fired = 0;
  std::function<void()> then;
};

}  // namespace

TEST_CASE("timer wheel: a timer fires once, at the first tick at or past its time") {
  TimerWheel wheel(1000, 10, 8);
  TestTimer timer;
  wheel.arm(timer, 1025);
  wheel.advance(1020);
  CHECK(timer.fired == 0);
  wheel.advance(1029);
  CHECK(timer.fired == 0);
  wheel.advance(1030);
  CHECK(timer.fired == 1);
  CHECK_FALSE(timer.armed());
  wheel.advance(5000);
  CHECK(timer.fired == 1);
}

TEST_CASE("timer wheel: times beyond one turn wait their turns") {
  TimerWheel wheel(0, 10, 8);
  TestTimer near;
  TestTimer far;
  wheel.arm(near, 50);
  wheel.arm(far, 50 + 10 * 8 * 3);
  for (std::int64_t now = 0; now < 290; now += 10) {
    wheel.advance(now);
    CHECK(near.fired == (now >= 50 ? 1 : 0));
    CHECK(far.fired == 0);
  }
  wheel.advance(290);
  CHECK(far.fired == 1);
}

TEST_CASE("timer wheel: after a long pause everything due fires once") {
  TimerWheel wheel(0, 10, 8);
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 100; ++i) wheel.arm(*timers.emplace_back(std::make_unique<TestTimer>()), i * 7);
  wheel.advance(100'000);
  for (const auto& timer : timers) CHECK(timer->fired == 1);
}

TEST_CASE("timer wheel: re-arming moves, cancelling and destroying remove") {
  TimerWheel wheel(0, 10, 8);
  TestTimer moved;
  TestTimer cancelled;
  auto destroyed = std::make_unique<TestTimer>();
  wheel.arm(moved, 20);
  wheel.arm(cancelled, 20);
  wheel.arm(*destroyed, 20);
  wheel.arm(moved, 60);
  wheel.cancel(cancelled);
  destroyed.reset();
  wheel.advance(50);
  CHECK(moved.fired == 0);
  wheel.advance(60);
  CHECK(moved.fired == 1);
  CHECK(cancelled.fired == 0);
}

TEST_CASE("timer wheel: a callback may cancel, destroy and arm others that are due with it") {
  TimerWheel wheel(0, 10, 8);
  TestTimer late;
  auto victim = std::make_unique<TestTimer>();
  auto other = std::make_unique<TestTimer>();
  TestTimer killer([&] {
    victim.reset();
    wheel.cancel(*other);
    wheel.arm(late, 0);
  });
  wheel.arm(killer, 10);
  wheel.arm(*victim, 20);
  wheel.arm(*other, 20);
  wheel.advance(10);
  CHECK(killer.fired == 1);
  wheel.advance(20);
  CHECK(other->fired == 0);
  CHECK(late.fired == 1);
}

TEST_CASE("timer wheel: a timer that arms itself in the past fires next time, not in a loop") {
  TimerWheel wheel(0, 10, 8);
  TestTimer again;
  again.then = [&] { wheel.arm(again, 0); };
  wheel.arm(again, 10);
  wheel.advance(10);
  wheel.advance(10);
  CHECK(again.fired == 1);
  wheel.advance(20);
  CHECK(again.fired == 2);
}

TEST_CASE("timer wheel: a wheel that goes forgets its timers") {
  TestTimer timer;
  {
    TimerWheel wheel(0, 10, 8);
    wheel.arm(timer, 50);
  }
  CHECK_FALSE(timer.armed());
}

}  // namespace tally::http::timer_wheel_test

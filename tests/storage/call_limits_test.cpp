#include "storage/call_limits.h"

#include <doctest/doctest.h>

#include <memory>

#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace tally::storage::call_limits_test {
namespace {

const AccountId acme("acme");
const KeyId key("key_1");
const RateLimits two_a_day{.per_second = {}, .per_minute = {}, .per_hour = {}, .per_day = 2};

struct Counting {
  void restart() {
    settle();
    limits = std::make_unique<CallLimits>(store, writer, clock);
    REQUIRE(limits->recover());
  }
  void settle() {
    while (writer.step()) {
    }
  }
  bool take() { return limits->take(acme, key, two_a_day).allowed; }
  // Within a command, where `decision` has the last word.
  RateState take(bool decision) {
    RateState state;
    writer.post(
        acme,
        [&](AccountTx& tx) -> Result<void> {
          state = limits->take(tx, key, two_a_day, [&] { return decision; });
          return {};
        },
        Durability::synced, nullptr);
    settle();
    return state;
  }

  ManualClock clock;
  MemoryStore store;
  AccountWriter writer{store, {.shards = 1, .waiting_max = 100, .threads = false}, [](const Error&) {}};
  std::unique_ptr<CallLimits> limits = std::make_unique<CallLimits>(store, writer, clock);
};

}  // namespace

TEST_CASE("call limits: what was counted outlives a restart") {
  Counting counting;
  CHECK(counting.take());
  counting.limits->tick();
  counting.restart();
  CHECK(counting.take());
  CHECK_FALSE(counting.take());
  counting.limits->flush_all();
  counting.restart();
  CHECK_FALSE(counting.take());
}

TEST_CASE("call limits: a window that is over is forgotten, on disk and in memory") {
  Counting counting;
  CHECK(counting.take());
  CHECK(counting.take());
  counting.limits->tick();
  counting.clock.advance_ms(day_ms);
  counting.limits->tick();
  counting.restart();
  CHECK(counting.take());
}

TEST_CASE("call limits: a command's call is counted with its commit, without waiting for a tick") {
  Counting counting;
  CHECK(counting.take(true).remaining == 1);
  counting.restart();
  CHECK(counting.take(true).remaining == 0);
  CHECK_FALSE(counting.take(true).allowed);
}

TEST_CASE("call limits: a command that decides against the call counts nothing") {
  Counting counting;
  const RateState state = counting.take(false);
  CHECK(state.allowed);
  CHECK(state.remaining == 2);
  CHECK(counting.take(true).remaining == 1);
}

TEST_CASE("call limits: a command writes what was counted outside of it too") {
  Counting counting;
  CHECK(counting.take());
  CHECK(counting.take(true).remaining == 0);
  counting.restart();
  CHECK_FALSE(counting.take());
}

TEST_CASE("call limits: a row that cannot be read is told") {
  Counting counting;
  counting.writer.post(
      acme,
      [](AccountTx& tx) -> Result<void> {
        tx.put(Table::rate_window, key.str(), "?");
        return {};
      },
      Durability::synced, nullptr);
  counting.settle();
  CHECK(counting.limits->recover().error().code == Errc::corrupt);
}

}  // namespace tally::storage::call_limits_test

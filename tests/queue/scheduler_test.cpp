#include "queue/scheduler.h"

#include <doctest/doctest.h>

using namespace tally;
using namespace tally::queue;

namespace {

UtcTime at(std::int64_t seconds) {
  return UtcTime::from_ms(seconds * 1000);
}
JobRef job(const std::string& account, const std::string& id) {
  return {AccountId(account), RequestId(id), false};
}
std::string take(Scheduler& scheduler, std::int64_t lease_until = 100) {
  const auto taken = scheduler.take(at(lease_until));
  return taken ? taken->id.str() : "";
}

}  // namespace

TEST_CASE("scheduler: one account's jobs come in the order they were offered") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "1"), at(0), at(0));
  scheduler.offer(job("a", "2"), at(0), at(0));
  CHECK(take(scheduler) == "1");
  CHECK(take(scheduler) == "2");
  CHECK(take(scheduler).empty());
}

TEST_CASE("scheduler: a flood of one account delays another's single job by one turn") {
  Scheduler scheduler{{}};
  for (int i = 0; i < 100'000; ++i) scheduler.offer(job("flood", "f" + std::to_string(i)), at(0), at(0));
  scheduler.offer(job("small", "s"), at(0), at(0));
  CHECK(take(scheduler) == "f0");
  CHECK(take(scheduler) == "s");
  CHECK(take(scheduler) == "f1");
}

TEST_CASE("scheduler: a job that must wait is ready once its time has come") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "later"), at(10), at(0));
  CHECK(take(scheduler).empty());
  CHECK(scheduler.tick(at(9)) == at(10));
  CHECK(take(scheduler).empty());
  scheduler.tick(at(10));
  CHECK(take(scheduler) == "later");
}

TEST_CASE("scheduler: an expired lease makes the job claimable again, once") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "1"), at(0), at(0));
  CHECK(take(scheduler, 30) == "1");
  CHECK(scheduler.tick(at(29)) == at(30));
  CHECK(take(scheduler).empty());
  scheduler.tick(at(30));
  CHECK(take(scheduler, 60) == "1");
  CHECK(take(scheduler).empty());
}

TEST_CASE("scheduler: a renewed lease runs from the renewal, a released one not at all") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "1"), at(0), at(0));
  CHECK(take(scheduler, 30) == "1");
  scheduler.renew(RequestId("1"), at(50));
  scheduler.tick(at(30));
  CHECK(take(scheduler).empty());
  scheduler.release(RequestId("1"));
  CHECK_FALSE(scheduler.tick(at(100)));
  CHECK(take(scheduler).empty());
}

TEST_CASE("scheduler: an account's share and the whole queue are bounded") {
  Scheduler scheduler{{.unfinished_per_account_max = 2, .unfinished_max = 3}};
  CHECK(scheduler.admit(AccountId("a")).has_value());
  CHECK(scheduler.admit(AccountId("a")).has_value());
  CHECK(scheduler.admit(AccountId("a")).error().code == Errc::rate_limited);
  CHECK(scheduler.admit(AccountId("b")).has_value());
  CHECK(scheduler.admit(AccountId("c")).error().code == Errc::exhausted);
  scheduler.retire(AccountId("a"));
  CHECK(scheduler.admit(AccountId("c")).has_value());
  CHECK(scheduler.unfinished() == 3);
}

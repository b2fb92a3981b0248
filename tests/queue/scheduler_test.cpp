#include "queue/scheduler.h"

#include <doctest/doctest.h>

#include "storage/store.h"

namespace scheduler_test {

using namespace tally;
using namespace tally::queue;

namespace {

UtcTime at(std::int64_t seconds) {
  return UtcTime::from_ms(seconds * 1000);
}
JobRef job(const std::string& account, const std::string& id) {
  return {AccountId(account), RequestId(id)};
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
  const JobRef held = *scheduler.take(at(30));
  scheduler.hold(held, at(50));
  scheduler.tick(at(30));
  CHECK(take(scheduler).empty());
  scheduler.release(held);
  CHECK_FALSE(scheduler.tick(at(100)));
  CHECK(take(scheduler).empty());
}

TEST_CASE("scheduler: who lost a job cannot release it for the one who has it") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "1"), at(0), at(0));
  const JobRef lost = *scheduler.take(at(30));
  scheduler.tick(at(30));
  CHECK(take(scheduler, 60) == "1");
  scheduler.release(lost);
  scheduler.tick(at(60));
  CHECK(take(scheduler, 90) == "1");
}

TEST_CASE("scheduler: a job that was offered twice is held once, and both leases end") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "1"), at(0), at(0));
  scheduler.offer(job("a", "1"), at(0), at(0));
  const JobRef held = *scheduler.take(at(30));
  CHECK(take(scheduler, 40).empty());
  scheduler.release(held);
  CHECK_FALSE(scheduler.tick(at(100)));
}

TEST_CASE("scheduler: the holder that the row names has it, whoever took it meanwhile") {
  Scheduler scheduler{{}};
  scheduler.offer(job("a", "1"), at(0), at(0));
  const JobRef slow = *scheduler.take(at(30));
  scheduler.tick(at(30));
  const JobRef late = *scheduler.take(at(60));
  scheduler.hold(slow, at(70));
  scheduler.release(late);
  CHECK(scheduler.tick(at(60)) == at(70));
  scheduler.tick(at(70));
  CHECK(take(scheduler, 90) == "1");
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

TEST_CASE("scheduler: the operator's jobs are taken as batch work, in their order, and never in an account's turn") {
  Scheduler scheduler{{}};
  const std::string system = storage::system_account().str();
  for (const char* id : {"b1", "b2"}) scheduler.offer(job(system, id), at(0), at(0));
  scheduler.offer(job("a", "1"), at(0), at(0));
  CHECK(scheduler.ready() == 1);
  CHECK(scheduler.ready(WorkKind::batch) == 2);
  CHECK(take(scheduler) == "1");
  CHECK(take(scheduler).empty());
  CHECK(scheduler.take(at(100), WorkKind::batch)->id.str() == "b1");
  CHECK(scheduler.take(at(100), WorkKind::batch)->id.str() == "b2");
  CHECK_FALSE(scheduler.take(at(100), WorkKind::batch));
  CHECK(scheduler.ready(WorkKind::batch) == 0);
}

}  // namespace scheduler_test

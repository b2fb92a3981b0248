#include "tests/queue/jobs_house.h"

namespace jobs_test {

using namespace tally;
using namespace tally::queue_test;

TEST_CASE("jobs: a submitted job is queued, then worked on, then completed with its result") {
  House house;
  const Job job = *house.submit("may");
  CHECK(looks_like_request_id(job.id.str()));
  CHECK(house.find(job.id).status == JobStatus::processing);  // claimed by the pump at once
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::completed);
  CHECK(*house.jobs->result(acme, job.id) == "result of may");
  CHECK(house.scheduler->unfinished() == 0);
  CHECK(house.rows(Table::open_job) == 0);
}

TEST_CASE("jobs: what is written within a submit is committed with the job, and its refusal leaves no job") {
  House house;
  Job job;
  job.account = acme;
  job.request = "may";
  const auto submit = [&](Result<void> verdict) {
    Result<Job> stored = fail(Errc::unavailable, "not answered");
    house.jobs->submit(
        job,
        [&](storage::AccountTx& tx, const Job& submitted) {
          tx.put(Table::idempotency, "key", std::string(8, '0') + submitted.id.str());
          return verdict;
        },
        [&](Result<Job> result) { stored = std::move(result); });
    house.commit();
    return stored;
  };
  CHECK(submit(fail(Errc::conflict, "answered before")).error().code == Errc::conflict);
  CHECK(house.rows(Table::job) == 0);
  CHECK(house.rows(Table::idempotency) == 0);
  CHECK(house.scheduler->unfinished() == 0);
  const auto stored = submit({});
  REQUIRE(stored.has_value());
  CHECK(**house.store.get(Table::idempotency, acme, "key") == std::string(8, '0') + stored->id.str());
  CHECK(house.rows(Table::job) == 1);
}

TEST_CASE("jobs: another account's job is as missing as one that never was") {
  House house;
  const Job job = *house.submit();
  const auto foreign = house.jobs->find(AccountId("other"), job.id);
  const auto missing = house.jobs->find(acme, RequestId("a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4_1717000000_4271"));
  CHECK(foreign.error().code == Errc::not_found);
  CHECK(foreign.error().detail == missing.error().detail);
}

TEST_CASE("jobs: a completed or failed job with a callback has one delivery row, a cancelled one none") {
  House house;
  (void)house.submit("ok", "http://127.0.0.1/hook");
  house.settle();
  CHECK(house.deliveries.size() == 1);
  CHECK(house.rows(Table::delivery) == 1);
  CHECK(house.rows(Table::open_delivery) == 1);
  CHECK(**house.store.get(Table::delivery_body, acme, house.deliveries[0]) == "completed:result of ok");

  house.work = [](const Job&, JobContext&) -> Result<std::string> {
    return fail(Errc::too_large, "too many rows", "result_too_large");
  };
  const Job failing = *house.submit("bad", "http://127.0.0.1/hook");
  house.settle();
  CHECK(house.find(failing.id).error_code == "result_too_large");
  CHECK(house.rows(Table::delivery) == 2);

  const Job cancelled = *house.submit("x", "http://127.0.0.1/hook");
  house.jobs->cancel(acme, cancelled.id, nullptr);
  house.settle();
  CHECK(house.find(cancelled.id).status == JobStatus::cancelled);
  CHECK(house.rows(Table::delivery) == 2);
}

TEST_CASE("jobs: a cancelled job's late result is refused and its place in the queue is free") {
  House house;
  const Job job = *house.submit();
  house.jobs->cancel(acme, job.id, nullptr);
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::cancelled);
  CHECK(house.jobs->result(acme, job.id).error().code == Errc::not_found);
  CHECK(house.runner->stats().lost == 1);
  CHECK(house.scheduler->unfinished() == 0);
  Result<Job> again = fail(Errc::unavailable, "");
  house.jobs->cancel(acme, job.id, [&](Result<Job> result) { again = std::move(result); });
  house.settle();
  CHECK(again.error().code == Errc::conflict);
}

TEST_CASE("jobs: a temporary failure is tried again after its wait, and in the end told") {
  House house;
  int calls = 0;
  house.work = [&](const Job&, JobContext&) -> Result<std::string> {
    ++calls;
    return fail(Errc::unavailable, "try later");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(calls == 1);
  CHECK(house.find(job.id).status == JobStatus::queued);
  house.runner->tick();
  house.settle();
  CHECK(calls == 1);  // not before its time
  for (int i = 0; i < 10; ++i) {
    house.clock.advance_ms(10 * minute_ms);
    house.runner->tick();
    house.settle();
  }
  CHECK(calls == static_cast<int>(JobRules{}.attempts_max));
  CHECK(house.find(job.id).status == JobStatus::failed);
  CHECK(house.find(job.id).error_message == "try later");
}

TEST_CASE("jobs: a worker that lost its lease cannot finish, whoever rescued the job can") {
  House house;
  const Job job = *house.submit();
  house.commit();
  REQUIRE(house.tasks.size() == 1);
  house.clock.advance_ms(31 * second_ms);
  house.runner->tick();
  house.commit();
  REQUIRE(house.tasks.size() == 2);
  auto stuck = std::move(house.tasks.front());
  house.tasks.pop_front();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::completed);
  stuck();
  house.settle();
  CHECK(house.runner->stats().lost == 1);
  CHECK(house.runner->stats().completed == 1);
  CHECK(house.runner->in_flight() == 0);
}

TEST_CASE("jobs: a claim that was committed late still comes back when its worker is gone") {
  House house;
  const Job job = *house.submit();
  house.clock.advance_ms(100);
  house.commit();
  house.tasks.clear();
  const Job claimed = house.find(job.id);
  for (UtcTime now = house.clock.now(); now < claimed.lease_until + 1000; now = now + 50) {
    house.clock.set(now);
    house.runner->tick();
    house.commit();
  }
  CHECK(house.find(job.id).attempts == 2);
}

TEST_CASE("jobs: a job whose every attempt was cut short fails with the reason") {
  House house;
  const Job job = *house.submit("deadly", "http://127.0.0.1/hook");
  for (int i = 0; i < 10 && !house.find(job.id).finished(); ++i) {
    house.tasks.clear();  // the process dies of it
    house.start();
    house.runner->tick();
    house.commit();
    if (house.find(job.id).attempts > JobRules{}.attempts_max) house.settle();
  }
  CHECK(house.find(job.id).status == JobStatus::failed);
  CHECK(house.find(job.id).error_code == "attempts_exhausted");
  CHECK(house.rows(Table::delivery) == 1);
}

TEST_CASE("jobs: a heartbeat keeps the lease of slow work") {
  House house;
  const Job job = *house.submit();
  house.work = [&](const Job&, JobContext& context) -> Result<std::string> {
    for (int i = 0; i < 5; ++i) {
      house.clock.advance_ms(20 * second_ms);
      context.progress(static_cast<std::uint64_t>(i), 5);
      house.commit();
      house.runner->tick();
      house.commit();
    }
    CHECK_FALSE(context.abandoned());
    return std::string("slow");
  };
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::completed);
  CHECK(house.runner->stats().completed == 1);
  CHECK(house.find(job.id).attempts == 1);
}

TEST_CASE("jobs: after a restart queued and half-done jobs finish, finished ones stay as they are") {
  House house;
  const Job done = *house.submit("done");
  house.settle();
  const Job half = *house.submit("half");
  CHECK(house.find(half.id).status == JobStatus::processing);
  house.tasks.clear();  // the process dies while working
  house.start();
  CHECK(house.scheduler->unfinished() == 1);
  house.runner->tick();
  house.settle();
  CHECK(house.find(half.id).status == JobStatus::completed);
  CHECK(house.find(half.id).attempts == 2);
  CHECK(house.find(done.id).attempts == 1);
}

TEST_CASE("jobs: beyond its share an account's submit is refused and nothing is stored") {
  House house;
  house.work = [](const Job&, JobContext&) -> Result<std::string> { return fail(Errc::unavailable, "wait"); };
  for (int i = 0; i < 5; ++i) CHECK(house.submit().has_value());
  CHECK(house.submit().error().code == Errc::rate_limited);
  CHECK(house.rows(Table::job) == 5);
}

TEST_CASE("jobs: lists go from the newest back, page by page, without gap or repeat") {
  House house;
  std::vector<std::string> submitted;
  for (int i = 0; i < 5; ++i) {
    submitted.insert(submitted.begin(), house.submit()->id.str());
    house.settle();
    if (i == 2) house.clock.advance_ms(5);  // the others share their millisecond
  }
  std::vector<std::string> listed;
  std::string cursor;
  do {
    const auto page = *house.jobs->list(acme, 2, cursor);
    for (const Job& job : page.jobs) listed.push_back(job.id.str());
    cursor = page.next;
  } while (!cursor.empty());
  CHECK(listed == submitted);
  CHECK(house.jobs->list(acme, 2, "nonsense").error().rule == "invalid_cursor");
  CHECK(house.jobs->list(AccountId("other"), 2, "")->jobs.empty());
}

TEST_CASE("jobs: a watcher is told once, at the end, or at once when it comes late") {
  House house;
  const Job job = *house.submit();
  int told = 0;
  house.jobs->watch(acme, job.id, [&] { ++told; });
  const auto withdrawn = house.jobs->watch(acme, job.id, [&] { told += 100; });
  house.jobs->unwatch(job.id, withdrawn);
  CHECK(told == 0);
  house.settle();
  CHECK(told == 1);
  house.jobs->watch(acme, job.id, [&] { ++told; });
  CHECK(told == 2);
}

TEST_CASE("jobs: old finished jobs are dropped with all their rows, unfinished ones stay") {
  House house;
  const Job old = *house.submit("old");
  house.settle();
  house.work = [](const Job&, JobContext&) -> Result<std::string> { return fail(Errc::unavailable, "wait"); };
  const Job waiting = *house.submit("waiting");
  house.settle();
  CHECK(*house.jobs->drop_old(house.clock.now() + 1, 100) == 1);
  house.commit();
  CHECK(house.jobs->find(acme, old.id).error().code == Errc::gone);
  CHECK(house.jobs->find(acme, waiting.id).has_value());
  CHECK(house.rows(Table::job_result) == 0);
  CHECK(house.rows(Table::job_by_time) == 1);
}

TEST_CASE("jobs: a dropped job takes its delivery along, but not before that is over") {
  House house;
  const Job told = *house.submit("told", "http://127.0.0.1/hook");
  house.settle();
  const DeliveryId delivery = house.find(told.id).delivery;
  CHECK_FALSE(delivery.empty());
  house.jobs->drop_old(house.clock.now() + 1, 100).value();
  house.commit();
  CHECK(house.rows(Table::delivery) == 1);
  CHECK(house.find(told.id).delivery == delivery);

  house.writer->post(
      acme,
      [&](storage::AccountTx& tx) -> Result<void> {
        tx.erase(Table::open_delivery, delivery.str());
        return {};
      },
      storage::Durability::synced, nullptr);
  house.commit();
  house.jobs->drop_old(house.clock.now() + 1, 100).value();
  house.commit();
  CHECK(house.rows(Table::job) == 0);
  CHECK(house.rows(Table::delivery) == 0);
  CHECK(house.rows(Table::delivery_body) == 0);
}

TEST_CASE("jobs: old unfinished jobs do not hold up the dropping of those behind them") {
  House house;
  house.work = [](const Job&, JobContext&) -> Result<std::string> { return fail(Errc::unavailable, "wait"); };
  const Job waiting = *house.submit("waiting");
  house.settle();
  house.work = [](const Job&, JobContext&) -> Result<std::string> { return std::string("done"); };
  const Job done = *house.submit("done");
  house.settle();
  CHECK(*house.jobs->drop_old(house.clock.now() + 1, 1) == 1);
  house.commit();
  CHECK(house.jobs->find(acme, done.id).error().code == Errc::gone);
  CHECK(house.jobs->find(acme, waiting.id).has_value());
}

TEST_CASE("jobs: batch work waits for batch work alone") {
  House house;
  Job order;
  order.account = storage::system_account();
  for (int i = 0; i < 3; ++i) house.jobs->submit(order, [](const Result<Job>&) {});
  house.commit();
  CHECK(house.tasks.size() == 1);
  CHECK(house.submit().has_value());
  CHECK(house.tasks.size() == 2);
  house.settle();
  CHECK(house.runner->stats().completed == 4);
}

TEST_CASE("jobs: a report that was dropped is gone for its account and was never there for others") {
  House house;
  const Job job = *house.submit();
  house.settle();
  house.clock.advance_ms(8 * day_ms);
  REQUIRE(*house.jobs->drop_old(house.clock.now() - 7 * day_ms, 10) == 1);
  house.commit();
  CHECK(house.jobs->find(acme, job.id).error().code == Errc::gone);
  CHECK(house.jobs->find(AccountId("bolt"), job.id).error().code == Errc::not_found);
  CHECK(house.jobs->list(acme, 10, "")->jobs.empty());
}

}  // namespace jobs_test

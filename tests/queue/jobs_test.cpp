#include "queue/jobs.h"

#include <doctest/doctest.h>

#include <deque>

#include "core/manual.h"
#include "queue/runner.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace jobs_test {

using namespace tally;
using namespace tally::queue;
using storage::AccountWriter;
using storage::MemoryStore;
using storage::Table;

namespace {

const AccountId acme("acme");

// The queue over a memory store; tasks and commits run when the test says so.
struct House {
  MemoryStore store;
  ManualClock clock;
  SeededRandom random{5};
  std::vector<std::string> deliveries;
  std::deque<std::function<void()>> tasks;
  Work work = [](const Job& job, JobContext&) -> Result<std::string> { return "result of " + job.request; };

  std::unique_ptr<AccountWriter> writer;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<Jobs> jobs;
  std::unique_ptr<Runner> runner;

  House() { start(); }
  void start() {
    runner.reset();
    jobs.reset();
    writer = std::make_unique<AccountWriter>(
        store, storage::WriterOptions{.shards = 1, .waiting_max = 10'000, .threads = false}, [](const Error&) {});
    scheduler = std::make_unique<Scheduler>(SchedulerLimits{.unfinished_per_account_max = 5, .unfinished_max = 100});
    JobHooks hooks;
    hooks.callback_body = [](const Job& job, std::string_view result) {
      return std::string(to_string(job.status)) + ":" + std::string(result);
    };
    hooks.delivery_ready = [this](const AccountId&, const DeliveryId& id) { deliveries.push_back(id.str()); };
    jobs = std::make_unique<Jobs>(store, *writer, *scheduler, clock, random, JobRules{}, std::move(hooks));
    REQUIRE(jobs->recover().has_value());
    runner = std::make_unique<Runner>(
        *jobs, *scheduler, clock, [this](const Job& job, JobContext& context) { return work(job, context); },
        [this](std::function<void()> task) { tasks.push_back(std::move(task)); }, RunnerOptions{});
    jobs->on_ready([this] { runner->pump(); });
  }
  void commit() {
    while (writer->step()) {
    }
  }
  void settle() {
    commit();
    while (!tasks.empty()) {
      auto task = std::move(tasks.front());
      tasks.pop_front();
      task();
      commit();
    }
  }
  Result<Job> submit(std::string request = "r", std::string callback_url = "") {
    Job job;
    job.account = acme;
    job.request = std::move(request);
    job.callback_url = std::move(callback_url);
    Result<Job> stored = fail(Errc::unavailable, "not answered");
    jobs->submit(std::move(job), [&](Result<Job> result) { stored = std::move(result); });
    commit();
    return stored;
  }
  Job find(const RequestId& id) { return *jobs->find(acme, id); }
  std::size_t rows(Table table) {
    std::size_t count = 0;
    (void)store.scan_all(table, AccountId(), [&](auto, auto, auto) { return ++count, true; });
    return count;
  }
};

}  // namespace

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

TEST_CASE("jobs: parts and the place to go on are saved together, and the next attempt finds both") {
  House house;
  house.work = [](const Job&, JobContext& context) -> Result<std::string> {
    REQUIRE(context.saved().value().parts == 0);
    REQUIRE(context.save({{"first", "second"}, "behind two", 2, 5}));
    return fail(Errc::unavailable, "cut");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::queued);
  CHECK(house.find(job.id).progress_done == 2);
  house.work = [](const Job&, JobContext& context) -> Result<std::string> {
    const auto saved = context.saved().value();
    CHECK(saved.checkpoint == "behind two");
    CHECK(saved.parts == 2);
    CHECK(saved.bytes == 11);
    REQUIRE(context.save({{"third"}, "behind three", 3, 5}));
    return std::string("all");
  };
  house.clock.advance_ms(minute_ms);
  house.runner->tick();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::completed);
  CHECK(house.rows(Table::checkpoint) == 0);
  const auto read = [&](std::uint64_t from) {
    std::string all;
    CHECK(house.jobs->read_parts(acme, job.id, 3, from, [&](std::uint64_t begins_at, std::string_view bytes) {
      all += std::to_string(begins_at) + ":" + std::string(bytes) + " ";
      return true;
    }));
    return all;
  };
  CHECK(read(0) == "0:first 5:second 11:third ");
  CHECK(read(4) == "0:first 5:second 11:third ");
  CHECK(read(5) == "5:second 11:third ");
  CHECK(read(15) == "11:third ");
}

TEST_CASE("jobs: a result whose parts were not all saved is refused") {
  House house;
  house.work = [&](const Job& job, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{"one"}, "1", 1, 2}));
    Job forgetful = job;  // knows nothing of the part
    house.commit();
    house.jobs->complete(forgetful, "wrong", [](const Result<Job>& stored) {
      REQUIRE_FALSE(stored);
      CHECK(stored.error().code == Errc::conflict);
    });
    house.commit();
    return std::string("right");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(*house.jobs->result(acme, job.id) == "right");
}

TEST_CASE("jobs: a cancelled job's work is told at once, and what it saves later is refused and erased") {
  House house;
  house.work = [&](const Job& job, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{"one"}, "1", 1, 2}));
    house.jobs->cancel(job.account, job.id, nullptr);
    CHECK_FALSE(context.abandoned());
    house.commit();
    CHECK(context.abandoned());
    REQUIRE(context.save({{"two"}, "2", 2, 2}));
    house.commit();
    CHECK(context.save({{"three"}, "3", 2, 2}).error().code == Errc::conflict);
    return fail(Errc::unavailable, "not wanted");
  };
  const Job job = *house.submit();
  house.settle();
  CHECK(house.find(job.id).status == JobStatus::cancelled);
  CHECK(house.rows(Table::result_part) == 0);
  CHECK(house.rows(Table::checkpoint) == 0);
}

TEST_CASE("jobs: a stop ends batch work without a mark, and the next start goes on") {
  House house;
  house.work = [&](const Job&, JobContext& context) -> Result<std::string> {
    REQUIRE(context.save({{"one"}, "1", 1, 2}));
    house.runner->stop();
    CHECK(context.abandoned());
    return fail(Errc::unavailable, "stopping");
  };
  Job order;
  order.account = storage::system_account();
  order.request = "all";
  RequestId id;
  house.jobs->submit(order, [&](const Result<Job>& stored) { id = stored->id; });
  house.settle();
  CHECK(house.runner->in_flight() == 0);
  CHECK(house.jobs->find(storage::system_account(), id)->status == JobStatus::processing);
  house.work = [](const Job&, JobContext& context) -> Result<std::string> { return context.saved()->checkpoint; };
  house.start();
  house.runner->tick();
  house.settle();
  CHECK(*house.jobs->result(storage::system_account(), id) == "1");
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

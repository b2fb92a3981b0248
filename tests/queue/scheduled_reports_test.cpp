#include "queue/scheduled_reports.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace scheduled_reports_test {

using namespace tally;
using namespace tally::queue;

const AccountId acme("acme");

// Processes that come and go over one store; commits happen when the test says so.
struct House {
  std::unique_ptr<storage::MemoryStore> store = std::make_unique<storage::MemoryStore>();
  ManualClock clock;
  SeededRandom random{5};
  std::vector<std::string> made;  // the due times that jobs were asked for
  std::optional<Error> refusal;   // of make_job
  std::unique_ptr<storage::AccountWriter> writer;
  std::unique_ptr<storage::Schedules> schedules;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<Jobs> jobs;
  std::unique_ptr<ScheduledReports> reports;

  House() { start(); }
  // The process ends: what was posted and not committed is gone.
  void crash() {
    auto rows = store->clone();
    writer.reset();
    store = std::move(rows);
    start();
  }
  void start(std::uint32_t jobs_max = 100) {
    writer.reset();  // whatever it still answers goes to those that are there
    reports.reset();
    writer = std::make_unique<storage::AccountWriter>(
        *store, storage::WriterOptions{.shards = 1, .waiting_max = 1000, .threads = false}, [](const Error&) {});
    schedules = std::make_unique<storage::Schedules>();
    REQUIRE(schedules->load(*store).has_value());
    scheduler =
        std::make_unique<Scheduler>(SchedulerLimits{.unfinished_per_account_max = jobs_max, .unfinished_max = 100});
    JobHooks hooks;
    hooks.callback_body = [](const Job&, std::string_view) { return std::string(); };
    hooks.delivery_ready = [](const AccountId&, const DeliveryId&) {};
    jobs = std::make_unique<Jobs>(*store, *writer, *scheduler, clock, random, JobRules{}, std::move(hooks));
    REQUIRE(jobs->recover().has_value());
    reports = std::make_unique<ScheduledReports>(*schedules, *writer, *jobs, clock,
                                                 [this](const Schedule& schedule, UtcTime due) -> Result<Job> {
                                                   if (refusal) return *refusal;
                                                   made.push_back(due.to_string());
                                                   Job job;
                                                   job.account = schedule.account;
                                                   job.request = due.to_string();
                                                   return job;
                                                 });
  }
  void commit() {
    while (writer->step()) {
    }
  }
  void tick() {
    reports->tick();
    commit();
  }
  void in_command(const std::function<Result<void>(storage::AccountTx&)>& command) {
    Result<void> done = fail(Errc::unavailable, "not answered");
    writer->post(acme, command, storage::Durability::synced, [&](const Result<void>& result) { done = result; });
    commit();
    REQUIRE(done.has_value());
  }
  void add(const std::string& when) {
    Schedule schedule;
    schedule.id = ScheduleId("sch_1");
    schedule.account = acme;
    schedule.when = when;
    schedule.created_at = clock.now();
    resume(schedule, clock.now());
    in_command([&](storage::AccountTx& tx) -> Result<void> {
      CHECK(schedules->create(tx, schedule).has_value());
      return {};
    });
  }
  Schedule schedule() { return schedules->find(ScheduleId("sch_1")).value(); }
  // Of the jobs that are stored, in the order of their due times.
  std::vector<std::string> stored() {
    std::vector<std::string> requests;
    const auto scanned = store->scan(storage::Table::job, acme, {}, [&](std::string_view, std::string_view value) {
      requests.push_back(decode_job(value)->request);
      return true;
    });
    CHECK(scanned.has_value());
    std::sort(requests.begin(), requests.end());
    return requests;
  }
};

TEST_CASE("scheduled reports: a due time becomes one job, however often one looks") {
  House house;
  house.add("daily");
  house.tick();
  CHECK(house.stored().empty());
  const UtcTime due = house.schedule().next_due.value();
  house.clock.advance_ms(due.ms() - house.clock.now().ms());
  for (int i = 0; i < 3; ++i) house.reports->tick();  // before the first is committed
  for (int i = 0; i < 3; ++i) house.tick();
  CHECK(house.stored() == std::vector<std::string>{due.to_string()});
  CHECK(house.schedule().fired == 1);
  CHECK(house.schedule().last_due == due);
  CHECK(house.schedule().next_due == due + day_ms);
  CHECK(house.jobs->find(house.schedule().account, house.schedule().last_request).has_value());
}

TEST_CASE("scheduled reports: after downtime each missed due time fires once, one after the other") {
  House house;
  house.add("daily");
  house.start();
  house.clock.advance_ms(3 * day_ms + hour_ms);
  house.tick();
  CHECK(house.stored().size() == 3);
  house.start();
  house.tick();
  CHECK(house.stored().size() == 3);
  CHECK(house.schedule().fired == 3);
  CHECK(house.schedule().skipped == 0);
}

TEST_CASE("scheduled reports: a process that ends between two looks neither loses nor doubles a due time") {
  House house;
  house.add("daily");
  house.clock.advance_ms(day_ms);
  house.reports->tick();
  house.crash();
  CHECK(house.stored().empty());
  house.tick();
  CHECK(house.stored().size() == 1);
  house.start();
  house.tick();
  CHECK(house.stored().size() == 1);
}

TEST_CASE("scheduled reports: a job that the queue has no room for is made later, a job that cannot be is counted") {
  House house;
  house.add("daily");
  house.start(0);
  house.clock.advance_ms(day_ms);
  house.tick();
  house.tick();
  CHECK(house.stored().empty());
  CHECK(house.schedule().fired == 0);
  house.start();
  house.refusal = fail(Errc::unavailable, "not now");
  house.tick();
  CHECK(house.schedule().skipped == 0);
  house.refusal = fail(Errc::invalid_argument, "no such granularity");
  house.tick();
  CHECK(house.schedule().skipped == 1);
  CHECK(house.schedule().last_error == "no such granularity");
  CHECK(house.schedule().next_due > house.clock.now());
  house.refusal.reset();
  house.clock.advance_ms(day_ms);
  house.tick();
  CHECK(house.stored().size() == 1);
  CHECK(house.schedule().last_error.empty());
}

TEST_CASE("scheduled reports: one that is paused or deleted before the commit does not fire") {
  House house;
  house.add("daily");
  house.clock.advance_ms(day_ms);
  bool deleted = false;
  SUBCASE("paused") {}
  SUBCASE("deleted") {
    deleted = true;
  }
  house.writer->post(
      acme,
      [&](storage::AccountTx& tx) -> Result<void> {
        if (deleted) return house.schedules->remove(tx, ScheduleId("sch_1"));
        return house.schedules->change(tx, ScheduleId("sch_1"),
                                       [](Schedule& schedule) -> Result<void> {
                                         pause(schedule);
                                         return {};
                                       })
                   ? Result<void>()
                   : fail(Errc::conflict, "");
      },
      storage::Durability::synced, nullptr);
  house.reports->tick();
  house.commit();
  CHECK(house.stored().empty());
  house.tick();
  CHECK(house.stored().empty());
}

TEST_CASE("scheduled reports: pages of schedules give each once") {
  House house;
  house.in_command([&](storage::AccountTx& tx) -> Result<void> {
    for (int n = 0; n < 5; ++n) {
      Schedule schedule;
      schedule.id = ScheduleId("sch_" + std::to_string(n));
      schedule.account = tx.account();
      CHECK(house.schedules->create(tx, schedule).has_value());
    }
    return {};
  });
  std::string cursor;
  int seen = 0;
  do {
    const auto page = house.schedules->list(2, cursor);
    for (const Schedule& schedule : page.items) CHECK(schedule.id.str() == "sch_" + std::to_string(seen++));
    cursor = page.next;
  } while (!cursor.empty());
  CHECK(seen == 5);
}

}  // namespace scheduled_reports_test

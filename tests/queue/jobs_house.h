// The queue over a memory store, driven by hand.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/manual.h"
#include "queue/jobs.h"
#include "queue/runner.h"
#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace tally::queue_test {

using namespace queue;
using storage::AccountWriter;
using storage::MemoryStore;
using storage::Table;

inline const AccountId acme("acme");

// Tasks and commits run when the test says so.
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

}  // namespace tally::queue_test

#include "tools/bench/local_store.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <unordered_map>

#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::size_t batch_events = 1'000;
constexpr std::size_t groups_in_flight_max = 8'000;
constexpr std::uint64_t batches_between_ticks = 50;

// What was answered so far, on the committer's thread.
class Answers {
 public:
  void begin() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_ < groups_in_flight_max; });
    ++open_;
  }
  void end(const Result<storage::Ingested>& ingested) {
    end(ingested ? Result<std::uint64_t>(ingested->accepted) : ingested.error());
  }
  void end(const Result<std::uint64_t>& accepted) {
    const std::lock_guard lock(mutex_);
    if (accepted) {
      accepted_ += *accepted;
    } else if (error_.empty()) {
      error_ = accepted.error().detail;
    }
    --open_;
    changed_.notify_all();
  }
  void wait_for_all(std::uint64_t expected) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_ == 0; });
    if (!error_.empty()) give_up("filling the store: " + error_);
    if (accepted_ != expected)
      give_up("of " + std::to_string(expected) + " " + std::to_string(accepted_) + " were accepted");
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t open_ = 0;
  std::uint64_t accepted_ = 0;
  std::string error_;
};

}  // namespace

LocalStore::LocalStore(const std::string& data) {
  store_ = must("opening " + data, storage::RocksStore::open(data, clock_));
  writer_ = std::make_unique<storage::AccountWriter>(*store_, storage::WriterOptions{}, [](const Error& error) {
    std::fprintf(stderr, "tally_bench: the disk fails: %s\n", error.detail.c_str());
    ::_exit(1);
  });
  directory_ = std::make_unique<storage::Directory>(*store_, *writer_);
  ledgers_ = std::make_unique<storage::Ledgers>(*store_, *writer_, clock_,
                                                [this](const AccountId& id) { return directory_->account(id); });
  meter_ = std::make_unique<storage::Meter>(
      *store_, *writer_, clock_, *ledgers_, [this] { return directory_->prices(); }, storage::WriteBehindOptions{});
  must("reading " + data, directory_->load());
  must("reading " + data, ledgers_->recover());
  must("reading " + data, meter_->recover(random_));
}

LocalStore::~LocalStore() {
  meter_->flush_all();
  ledgers_->flush_all();
  writer_->stop();
}

void LocalStore::create_accounts(std::uint32_t count, bool unlimited) {
  Answers answers;
  for (std::uint32_t i = 0; i < count; ++i) {
    Account account;
    account.id = AccountId(account_name(i));
    account.name = "Bench";
    account.email = "bench@example.com";
    account.subscription.unlimited = unlimited;
    account.created_at = clock_.now();
    answers.begin();
    directory_->create_account(std::move(account), [&answers](const Result<storage::Directory::AccountPtr>& made) {
      answers.end(made ? Result<std::uint64_t>(1) : made.error());
    });
  }
  answers.wait_for_all(count);
}

void LocalStore::ingest(std::int32_t first_day, std::uint64_t events, std::uint64_t first_number) {
  Workload workload(first_day, events, first_number);
  ingest_each(events, [&](std::uint64_t) { return usage_event(workload.next()); });
}

void LocalStore::ingest_each(std::uint64_t count, const std::function<UsageEvent(std::uint64_t number)>& make) {
  Answers answers;
  std::uint64_t batches = 0;
  for (std::uint64_t made = 0; made < count;) {
    std::unordered_map<AccountId, std::vector<UsageEvent>> by_account;
    for (std::size_t i = 0; i < batch_events && made < count; ++i, ++made) {
      UsageEvent event = make(made);
      by_account[event.account].push_back(std::move(event));
    }
    for (auto& [account, group] : by_account) {
      answers.begin();
      meter_->ingest(account, std::move(group),
                     [&answers](const Result<storage::Ingested>& ingested) { answers.end(ingested); });
    }
    if (++batches % batches_between_ticks != 0) continue;
    meter_->tick();
    ledgers_->tick();
  }
  answers.wait_for_all(count);
}

std::uint64_t LocalStore::fill(std::int32_t first_day, std::uint64_t bytes) {
  constexpr std::uint64_t events_at_once = 250'000;
  constexpr std::uint64_t bytes_per_event_at_least = 50;
  std::uint64_t events = 0;
  while (store_->size_bytes() < bytes) {
    const std::uint64_t missing = (bytes - store_->size_bytes()) / bytes_per_event_at_least + 1;
    const std::uint64_t now = std::min(missing, events_at_once);
    ingest(first_day, now, events);
    events += now;
  }
  return events;
}

Report LocalStore::report(const AccountId& account, const ReportRequest& request) const {
  return must("a report of " + account.str(), meter_->report(account, request));
}

}  // namespace tally::tools::bench

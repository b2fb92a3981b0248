// tallyd's storage in this process: to fill a data directory faster than HTTP can, and to time reports without HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/report.h"
#include "core/system.h"
#include "storage/account_writer.h"
#include "storage/directory.h"
#include "storage/meter.h"
#include "storage/rocksdb/rocksdb_store.h"

namespace tally::tools::bench {

// The same parts in the same setting as tools/tallyd/app.cpp joins them; the directory is tallyd's afterwards.
class LocalStore {
 public:
  explicit LocalStore(const std::string& data);
  ~LocalStore();  // writes everything behind
  LocalStore(const LocalStore&) = delete;
  LocalStore& operator=(const LocalStore&) = delete;

  // The accounts `account_name(0)` to `account_name(count - 1)`; gives up on one that exists. What unlimited ones use
  // is metered and debited from no ledger.
  void create_accounts(std::uint32_t count, bool unlimited = false);
  // That many events of the 90 days' workload, durable and counted; gives up on a duplicate or a refusal.
  void ingest(std::int32_t first_day, std::uint64_t events, std::uint64_t first_number = 0);
  // Events 0 to `count` - 1, as `event` makes them.
  void ingest_each(std::uint64_t count, const std::function<UsageEvent(std::uint64_t number)>& event);
  // As ingest, until the directory holds so many bytes. Answers the events it took.
  std::uint64_t fill(std::int32_t first_day, std::uint64_t bytes);

  Report report(const AccountId& account, const ReportRequest& request) const;
  storage::Ledgers& ledgers() noexcept { return *ledgers_; }
  storage::RocksStore& store() noexcept { return *store_; }

 private:
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<storage::RocksStore> store_;
  std::unique_ptr<storage::AccountWriter> writer_;
  std::unique_ptr<storage::Directory> directory_;
  std::unique_ptr<storage::Ledgers> ledgers_;
  std::unique_ptr<storage::Meter> meter_;
};

}  // namespace tally::tools::bench

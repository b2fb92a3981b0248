// The one Writer: accounts spread over shards by hash, one committer for all of them.
//
// A shard runs its accounts' commands in order without locks and hands the changes over; the committer joins what all
// shards have ready into one write and one fsync, so that N waiting clients cost one. While it waits for the disk, the
// shards go on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/histogram.h"
#include "storage/writer.h"

namespace tally::storage {

struct WriterOptions {
  std::uint32_t shards = 2;
  std::size_t waiting_max = 500'000;  // commands posted and not yet done; beyond: Errc::exhausted
  bool threads = true;                // false: nothing runs but by step(), for the simulation and tests
  // Of rows that were written last, kept in memory by each shard for the commands that read them again.
  std::size_t kept_row_bytes = 2 << 20;
};

struct WriterStats {
  std::uint64_t commits = 0;
  std::uint64_t commands = 0;
};

class AccountWriter final : public Writer {
 public:
  // `on_doubt` is called once when a commit's outcome is unknown: the caller must end the process. Until it does,
  // everything posted is answered Errc::unavailable and the store is not written again.
  AccountWriter(Store& store, WriterOptions options, std::function<void(const Error&)> on_doubt);
  ~AccountWriter() override;  // as stop()

  void post(AccountId account, Command command, Durability durability, Done done) override;

  // Finishes everything posted so far, then refuses with Errc::unavailable.
  void stop();

  // Without threads: runs what is posted and commits it. False when there was nothing to do.
  bool step();
  // The two halves of step(), so that a simulation can let the shards go on while a commit is under way.
  bool run_shards();
  bool commit_ready();

  WriterStats stats() const noexcept;
  // How many commands each commit wrote.
  Histogram::Snapshot batch_sizes() const { return batch_sizes_.snapshot(); }

 private:
  class Shard;
  struct Item;
  class Tx;

  void run_shard(Shard& shard);
  void run_committer();
  void commit(std::vector<Item>& items);
  void answer(std::vector<Item>& items, const Result<Position>& committed);

  Store& store_;
  WriterOptions options_;
  std::function<void(const Error&)> on_doubt_;
  std::vector<std::unique_ptr<Shard>> shards_;

  std::mutex ready_mutex_;
  std::condition_variable ready_changed_;
  std::vector<Item> ready_;
  bool closing_ = false;

  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> doubtful_{false};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> commands_{0};
  static constexpr std::int64_t batch_bounds_[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000};
  Histogram batch_sizes_{batch_bounds_};
  std::vector<std::thread> shard_threads_;
  std::thread committer_thread_;
};

}  // namespace tally::storage

#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "tools/bench/limits.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::size_t put_value_bytes = 100;
constexpr std::size_t event_row_bytes = 96;

void check(const rocksdb::Status& status) {
  if (!status.ok()) give_up("RocksDB: " + status.ToString());
}

void append_be(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

// Requests, results, credits.
using Sums = std::array<std::int64_t, 3>;

Sums sums_of(const rocksdb::Slice& bytes) {
  Sums sums{};
  if (bytes.size() == sizeof sums) std::memcpy(sums.data(), bytes.data(), sizeof sums);
  return sums;
}

rocksdb::Slice slice_of(const Sums& sums) {
  return {reinterpret_cast<const char*>(sums.data()), sizeof sums};
}

class AddSums final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* existing, const rocksdb::Slice& delta, std::string* merged,
             rocksdb::Logger*) const override {
    Sums sums = existing != nullptr ? sums_of(*existing) : Sums{};
    const Sums more = sums_of(delta);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += more[i];
    const rocksdb::Slice bytes = slice_of(sums);
    merged->assign(bytes.data(), bytes.size());
    return true;
  }
  const char* Name() const override { return "bench.add_sums"; }
};

rocksdb::Options plain_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kLZ4Compression;
  options.write_buffer_size = 64 << 20;
  return options;
}

rocksdb::WriteOptions synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

}  // namespace

struct SyncedPuts::Impl {
  std::unique_ptr<rocksdb::DB> db;
  std::size_t threads = 0;
  std::atomic<std::uint64_t> next_key{0};

  std::uint64_t put_until(const std::atomic<bool>& over) {
    const std::string value(put_value_bytes, 'v');
    std::uint64_t puts = 0;
    std::string key;
    for (; !over; ++puts) {
      key.clear();
      append_be(key, Dice(next_key++).next(), 8);
      append_be(key, puts, 8);
      check(db->Put(synced(), key, value));
    }
    return puts;
  }
};

SyncedPuts::SyncedPuts(const std::string& directory, std::size_t threads) : impl_(std::make_unique<Impl>()) {
  rocksdb::DB* opened = nullptr;
  check(rocksdb::DB::Open(plain_options(), directory, &opened));
  impl_->db.reset(opened);
  impl_->threads = threads;
}

SyncedPuts::~SyncedPuts() = default;

double SyncedPuts::puts_per_second(double seconds) {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> puts{0};
  std::vector<std::thread> threads;
  const Stopwatch watch;
  for (std::size_t i = 0; i < impl_->threads; ++i) {
    threads.emplace_back([&] { puts += impl_->put_until(over); });
  }
  pause_seconds(seconds);
  over = true;
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(puts) / watch.seconds();
}

struct MergePerEvent::Impl {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // default, events, rollups
  std::int32_t first_day = 0;
  std::uint64_t next_number = 0;

  ~Impl() {
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  }

  void write(std::uint64_t events, std::uint64_t batch, std::uint64_t first_number) {
    Workload workload(first_day, events, first_number);
    const std::string row(event_row_bytes, 'e');
    std::string key;
    for (std::uint64_t made = 0; made < events;) {
      rocksdb::WriteBatch writes;
      for (std::uint64_t i = 0; i < batch && made < events; ++i, ++made) {
        const EventFacts facts = workload.next();
        key.clear();
        append_be(key, facts.account, 4);
        append_be(key, static_cast<std::uint64_t>(facts.time.ms()), 8);
        append_be(key, facts.number, 8);
        check(writes.Put(families[1], key, row));
        key.clear();
        append_be(key, facts.account, 4);
        append_be(key, static_cast<std::uint64_t>(facts.time.ms() / hour_ms), 4);
        append_be(key, facts.endpoint, 2);
        const Sums sums{1, facts.results, 250'000};
        check(writes.Merge(families[2], key, slice_of(sums)));
      }
      check(db->Write(synced(), &writes));
    }
  }
};

MergePerEvent::MergePerEvent(const std::string& directory, std::int32_t first_day) : impl_(std::make_unique<Impl>()) {
  rocksdb::Options options = plain_options();
  options.merge_operator = std::make_shared<AddSums>();
  const std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, options}, {"events", options}, {"rollups", options}};
  rocksdb::DB* opened = nullptr;
  check(rocksdb::DB::Open(options, directory, families, &impl_->families, &opened));
  impl_->db.reset(opened);
  impl_->first_day = first_day;
}

MergePerEvent::~MergePerEvent() = default;

double MergePerEvent::events_per_second(std::uint64_t events, std::uint64_t batch, std::size_t threads) {
  const std::uint64_t share = events / threads;
  std::vector<std::thread> running;
  const Stopwatch watch;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([=, this, first = impl_->next_number] { impl_->write(share, batch, first); });
    impl_->next_number += share;
  }
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(share * threads) / watch.seconds();
}

std::uint64_t MergePerEvent::counted() const {
  std::uint64_t requests = 0;
  const std::unique_ptr<rocksdb::Iterator> row(impl_->db->NewIterator(rocksdb::ReadOptions(), impl_->families[2]));
  for (row->SeekToFirst(); row->Valid(); row->Next()) requests += static_cast<std::uint64_t>(sums_of(row->value())[0]);
  check(row->status());
  return requests;
}

}  // namespace tally::tools::bench

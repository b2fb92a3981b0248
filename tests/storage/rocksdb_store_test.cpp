#include "storage/rocksdb/rocksdb_store.h"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <iterator>

#include "core/codec.h"
#include "core/manual.h"
#include "core/rollup.h"
#include "tests/contract/store_contract.h"
#include "tests/storage/temporary_directory.h"

namespace tally::storage::rocksdb_store_test {

namespace {

namespace fs = std::filesystem;

const AccountId acme("acme");

std::unique_ptr<RocksStore> open_store(const std::string& directory, const Clock& clock, RocksOptions options = {}) {
  auto store = RocksStore::open(directory, clock, std::move(options));
  if (!store) FAIL(store.error().detail);
  return std::move(*store);
}

// Keeps the directory until the store is closed.
class ScratchStore final : public Store {
 public:
  ScratchStore() : store_(open_store(directory_.path(), clock_)) {}
  Result<std::optional<std::string>> get(Table t, const AccountId& a, std::string_view k) const override {
    return store_->get(t, a, k);
  }
  Result<std::vector<std::optional<std::string>>> get_many(Table t, const AccountId& a,
                                                           std::span<const std::string> k) const override {
    return store_->get_many(t, a, k);
  }
  Result<void> scan(Table t, const AccountId& a, const ScanRange& r, const RowVisitor& v) const override {
    return store_->scan(t, a, r, v);
  }
  Result<void> scan_all(Table t, const AccountId& a, const AccountRowVisitor& v) const override {
    return store_->scan_all(t, a, v);
  }
  Result<Position> commit(std::span<const Batch> b, Durability d) override { return store_->commit(b, d); }
  Result<void> sync() override { return store_->sync(); }
  Result<void> read_journal(Position p, const JournalVisitor& v) const override { return store_->read_journal(p, v); }
  Position next_position() const override { return store_->next_position(); }
  std::shared_ptr<const Rows> snapshot() const override { return store_->snapshot(); }
  std::shared_ptr<const Rows> walk() const override { return store_->walk(); }
  bool writable() const override { return store_->writable(); }
  std::uint64_t size_bytes() const override { return store_->size_bytes(); }

 private:
  TemporaryDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<RocksStore> store_;
};

Batch numbered(int i) {
  Batch batch(acme);
  batch.put(Table::job, std::to_string(i), std::string(1'000, 'v'));
  batch.append(std::to_string(i));
  return batch;
}

fs::path newest_log(const std::string& directory) {
  fs::path newest;
  for (const auto& file : fs::directory_iterator(directory + "/db")) {
    if (file.path().extension() == ".log" && file.path() > newest) newest = file.path();
  }
  REQUIRE(!newest.empty());
  return newest;
}

void flip_byte(const fs::path& path, std::uintmax_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  REQUIRE(file.good());
}

Error open_error(const std::string& directory) {
  const ManualClock clock;
  const auto store = RocksStore::open(directory, clock);
  REQUIRE(!store);
  return store.error();
}

}  // namespace

TEST_CASE("rocksdb store: keeps the store contract") {
  check_store_contract([] { return std::make_unique<ScratchStore>(); });
}

TEST_CASE("rocksdb store: everything is there after a reopen, and positions go on") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  for (int i = 0; i < 3; ++i) {
    const auto store = open_store(directory.path(), clock);
    CHECK(commit_one(*store, numbered(i), i == 1 ? Durability::relaxed : Durability::synced) == Position(i) + 1);
    CHECK(rows_of(*store, Table::job, acme).size() == std::size_t(i) + 1);
    CHECK(journal_of(*store).size() == std::size_t(i) + 1);
  }
}

TEST_CASE("rocksdb store: logs that are full give way to tables, and nothing is lost") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  RocksOptions options;
  options.wal_bytes_max = 1 << 20;
  constexpr int count = 6'000;
  for (int from = 0; from < count; from += count / 2) {
    const auto store = open_store(directory.path(), clock, options);
    for (int i = from; i < from + count / 2; ++i) {
      commit_one(*store, numbered(i), i % 500 == 0 ? Durability::synced : Durability::relaxed);
    }
  }
  const auto store = open_store(directory.path(), clock, options);
  CHECK(rows_of(*store, Table::job, acme).size() == count);
  const auto journal = journal_of(*store);
  REQUIRE(journal.size() == count);
  CHECK(journal.back() == JournalEntry{count, "acme", std::to_string(count - 1)});
}

TEST_CASE("rocksdb store: a directory has one user at a time, a snapshot is one") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  auto store = open_store(directory.path(), clock);
  commit_one(*store, numbered(1));
  auto snapshot = store->snapshot();
  Error refused = open_error(directory.path());
  CHECK(refused.code == Errc::conflict);
  CHECK(refused.detail == directory.path() + " is in use by another process");

  store.reset();
  CHECK(open_error(directory.path()).code == Errc::conflict);
  CHECK(value_of(*snapshot, Table::job, acme, "1") == std::string(1'000, 'v'));
  snapshot.reset();
  CHECK(rows_of(*open_store(directory.path(), clock), Table::job, acme).size() == 1);
}

TEST_CASE("rocksdb store: another format is refused by number") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  { const auto store = open_store(directory.path(), clock); }
  const auto refused_with = [&](const std::string& text) {
    std::ofstream(directory.path() + "/FORMAT") << text;
    return open_error(directory.path());
  };
  const Error newer = refused_with("tally-data 3\n");
  CHECK(newer.code == Errc::invalid_argument);
  CHECK(newer.detail.find("has data format 3, this program reads formats up to 2: use a newer program") !=
        std::string::npos);
  CHECK(refused_with("tally-data 0\n").detail.find("older program") != std::string::npos);
  CHECK(refused_with("tally-data 1").code == Errc::corrupt);
  CHECK(refused_with("").code == Errc::corrupt);
  CHECK(refused_with("tally-data 99999999999\n").code == Errc::corrupt);
  fs::remove(directory.path() + "/FORMAT");
  CHECK(open_error(directory.path()).code == Errc::corrupt);
}

// The rows that format 1 had, a series each, with deltas that were not added up yet.
TEST_CASE("rocksdb store: a directory of format 1 is migrated, once, and counts what it counted") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  const std::string a = encode(RollupDims{"a", "", ""});
  const std::string b = encode(RollupDims{"b", "", ""});
  RollupValue one;
  one.total.requests = 1;
  one.hours = {{5, one.total}};
  const AccountId zeta("zeta");
  {
    const auto store = open_store(directory.path(), clock);
    for (const AccountId& account : {acme, zeta}) {
      Batch batch(account);
      for (const std::string& dims : {a, b}) batch.put(Table::rollup_day, rollup_key(7) + dims, encode(one));
      batch.put(Table::rollup_day, rollup_key(8) + a, encode(one));
      batch.put(Table::rollup_month, rollup_key(0) + a, encode(one));
      batch.put(Table::job, "r", "v");
      commit_one(*store, batch);
    }
    // What a migration did before it was cut off.
    Batch moved(acme);
    moved.add(Table::rollup_day, rollup_key(8), encode(RollupRow{{a, one}}));
    moved.erase(Table::rollup_day, rollup_key(8) + a);
    commit_one(*store, moved);
  }
  std::ofstream(directory.path() + "/FORMAT") << "tally-data 1\n";
  for (int start = 0; start < 2; ++start) {
    const auto store = open_store(directory.path(), clock);
    for (const AccountId& account : {acme, zeta}) {
      CHECK(rows_of(*store, Table::rollup_day, account).size() == 2);
      CHECK(rows_of(*store, Table::rollup_month, account).size() == 1);
      CHECK(value_of(*store, Table::rollup_day, account, rollup_key(7)) == encode(RollupRow{{a, one}, {b, one}}));
      CHECK(value_of(*store, Table::rollup_day, account, rollup_key(8)) == encode(RollupRow{{a, one}}));
      CHECK(value_of(*store, Table::rollup_month, account, rollup_key(0)) == encode(RollupRow{{a, one}}));
      CHECK(value_of(*store, Table::job, account, "r") == "v");
    }
    std::ifstream format(directory.path() + "/FORMAT");
    CHECK(std::string(std::istreambuf_iterator<char>(format), {}) == "tally-data 2\n");
  }
}

TEST_CASE("rocksdb store: a path that is no directory is refused") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() + "/file") << "x";
  CHECK(open_error(directory.path() + "/file").code == Errc::unavailable);
}

TEST_CASE("rocksdb store: a damaged byte inside the log is refused, not skipped") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  {
    const auto store = open_store(directory.path(), clock);
    for (int i = 0; i < 100; ++i) commit_one(*store, numbered(i));
  }
  const fs::path log = newest_log(directory.path());
  flip_byte(log, fs::file_size(log) / 2);
  const Error refused = open_error(directory.path());
  CHECK(refused.code == Errc::corrupt);
  CHECK(refused.detail.find(directory.path()) != std::string::npos);
  CHECK(refused.detail.find("restore the whole directory from a backup") != std::string::npos);
  CHECK(open_error(directory.path()).code == Errc::corrupt);  // and it stays refused
}

TEST_CASE("rocksdb store: a torn last record of the log is dropped, all before it is kept") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  {
    const auto store = open_store(directory.path(), clock);
    for (int i = 0; i < 100; ++i) commit_one(*store, numbered(i));
  }
  const fs::path log = newest_log(directory.path());
  fs::resize_file(log, fs::file_size(log) - 7);
  const auto store = open_store(directory.path(), clock);
  CHECK(rows_of(*store, Table::job, acme).size() == 99);
  CHECK(journal_of(*store).size() == 99);
  CHECK(commit_one(*store, numbered(100)) == 100);
}

TEST_CASE("rocksdb store: a damaged table file is reported when it is read") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  {
    const auto store = open_store(directory.path(), clock);
    SeededRandom random(1);
    for (int i = 0; i < 200; ++i) {
      Batch batch(acme);
      batch.put(Table::job_result, std::to_string(i), random.hex(500));
      commit_one(*store, batch, Durability::relaxed);
    }
    REQUIRE(store->compact().has_value());
  }
  for (const auto& file : fs::directory_iterator(directory.path() + "/db")) {
    if (file.path().extension() == ".sst") flip_byte(file.path(), fs::file_size(file.path()) / 2);
  }
  const auto store = open_store(directory.path(), clock);
  const auto scanned = store->scan(Table::job_result, acme, {}, [](auto, auto) { return true; });
  REQUIRE(!scanned);
  CHECK(scanned.error().code == Errc::corrupt);
}

TEST_CASE("rocksdb store: compaction drops dedup rows after 33 days, not before") {
  const TemporaryDirectory directory;
  ManualClock clock;
  const auto store = open_store(directory.path(), clock);
  std::string arrived;
  append_be64(arrived, static_cast<std::uint64_t>(clock.now().ms()));
  Batch batch(acme);
  batch.put(Table::dedup, "fingerprint", arrived + "where");
  commit_one(*store, batch);
  clock.advance_ms(33 * day_ms);
  REQUIRE(store->compact().has_value());
  CHECK(value_of(*store, Table::dedup, acme, "fingerprint") == arrived + "where");
  clock.advance_ms(1);
  REQUIRE(store->compact().has_value());
  CHECK(value_of(*store, Table::dedup, acme, "fingerprint") == "-");
}

TEST_CASE("rocksdb store: compaction keeps deltas exact") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  const auto store = open_store(directory.path(), clock);
  RollupValue one;
  one.total.requests = 1;
  const std::string series[] = {encode(RollupDims{"a", "", ""}), encode(RollupDims{"b", "", ""})};
  for (std::size_t i = 0; i < 100; ++i) {
    Batch batch(acme);
    batch.add(Table::rollup_month, "k", encode(RollupRow{{series[i % 2], one}}));
    commit_one(*store, batch, Durability::relaxed);
    if (i % 30 == 0) REQUIRE(store->compact().has_value());
  }
  const RollupRow row = decode_rollup_row(value_of(*store, Table::rollup_month, acme, "k")).value();
  REQUIRE(row.size() == 2);
  for (const std::string& each : series) CHECK(row.at(each).total.requests == 50);
}

TEST_CASE("rocksdb store: refuses new work below the disk's reserve, and takes it again above") {
  const TemporaryDirectory directory;
  ManualClock clock;
  std::atomic<std::uint64_t> free{2 << 20};
  std::atomic<int> asked{0};
  RocksOptions options;
  options.disk_reserve_bytes = 1 << 20;
  options.free_bytes = [&](const std::string& path) {
    CHECK(path == directory.path());
    ++asked;
    return free.load();
  };
  const auto store = open_store(directory.path(), clock, options);
  CHECK(store->writable());
  free = (1 << 20) - 1;
  clock.advance_ms(99);
  CHECK(store->writable());
  CHECK(asked == 1);
  clock.advance_ms(1);
  CHECK(!store->writable());
  free = 1 << 20;
  clock.advance_ms(100);
  CHECK(store->writable());

  free = 0;
  Batch large(acme);
  large.put(Table::job_result, "r", std::string(8 << 20, 'x'));
  commit_one(*store, large, Durability::relaxed);
  CHECK(!store->writable());  // asked early: much was written
  CHECK(asked == 4);
}

}  // namespace tally::storage::rocksdb_store_test

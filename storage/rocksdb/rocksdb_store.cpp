#include "storage/rocksdb/rocksdb_store.h"

#include <rocksdb/write_batch.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <utility>

#include "core/codec.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/migration.h"
#include "storage/rocksdb/paced_check.h"
#include "storage/rocksdb/walk.h"

namespace tally::storage {

namespace {

using rocksdb::Slice;
using rocksdb::SliceParts;
using rocksdb::Status;

constexpr std::int64_t disk_check_interval_ms = 100;
constexpr std::int64_t fold_interval_ns = 30 * second_ms * 1'000'000;
constexpr std::uint64_t disk_check_bytes = 8 << 20;
constexpr std::size_t kept_batch_bytes = 8 << 20;

std::uint64_t free_bytes_of(const std::string& directory) {
  struct statvfs stat {};
  if (::statvfs(directory.c_str(), &stat) != 0) return 0;
  return std::uint64_t{stat.f_bavail} * stat.f_frsize;
}

Error write_error(const Status& status) {
  return fail(Errc::unavailable, "a write failed, its outcome is unknown: " + status.ToString());
}

class Snapshot final : public Rows {
 public:
  explicit Snapshot(std::shared_ptr<const Database> database)
      : database_(std::move(database)), snapshot_(database_->db().GetSnapshot()) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() override { database_->db().ReleaseSnapshot(snapshot_); }

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override {
    return database_->get(snapshot_, table, account, key);
  }
  Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override {
    return database_->get_many(snapshot_, table, account, keys);
  }
  Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const override {
    return database_->scan(snapshot_, table, account, range, visit);
  }
  Result<void> scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const override {
    return database_->scan_all(snapshot_, table, from_account, visit);
  }

 private:
  std::shared_ptr<const Database> database_;
  const rocksdb::Snapshot* snapshot_;
};

// Changes on their way into one write. The buffers are kept from one group to the next.
class GroupWrite {
 public:
  explicit GroupWrite(const Database& database) : database_(database) {}

  void begin() {
    if (batch_.GetDataSize() > kept_batch_bytes) batch_ = rocksdb::WriteBatch();
    batch_.Clear();
    status_ = Status::OK();
  }

  void add(const Batch& batch) {
    const std::string& account = batch.account().str();
    // Followed by the string's own terminating zero byte, which ends an account in a key.
    const Slice account_part(account.c_str(), account.size() + 1);
    for (const Batch::Op& op : batch.ops()) add_op(account_part, op);
  }

  void append(const Batch& batch, Position first) {
    const std::string& account = batch.account().str();
    const Slice account_part(account.c_str(), account.size() + 1);
    for (const std::string& record : batch.records()) {
      position_.clear();
      append_be64(position_, first++);
      const Slice key_parts[] = {position_};
      const Slice value_parts[] = {account_part, record};
      take(batch_.Put(database_.family(Family::journal), SliceParts(key_parts, 1), SliceParts(value_parts, 2)));
    }
  }

  rocksdb::WriteBatch& batch() { return batch_; }
  const Status& status() const { return status_; }

 private:
  void add_op(const Slice& account_part, const Batch::Op& op) {
    const char table_byte = static_cast<char>(op.table);
    const Slice parts[] = {Slice(&table_byte, 1), account_part, op.key};
    const SliceParts key = has_table_byte(op.table) ? SliceParts(parts, 3) : SliceParts(parts + 1, 2);
    const Slice value_part(op.value);
    const SliceParts value(&value_part, 1);
    auto* family = database_.family(family_of(op.table));
    switch (op.kind) {
      case Batch::Kind::put:
        return take(batch_.Put(family, key, value));
      case Batch::Kind::erase:
        return take(batch_.Delete(family, key));
      case Batch::Kind::add:
        return take(batch_.Merge(family, key, value));
    }
  }

  void take(const Status& status) {
    if (!status.ok()) status_ = status;
  }

  const Database& database_;
  rocksdb::WriteBatch batch_;
  std::string position_;
  Status status_;
};

}  // namespace

struct RocksStore::Impl {
  Impl(std::shared_ptr<Database> opened, const Clock& time, RocksOptions chosen, Position next_position)
      : database(std::move(opened)),
        options(std::move(chosen)),
        write(*database),
        next(next_position),
        clock(time),
        folded_at(time.mono()),
        disk(time, disk_check_interval_ms, disk_check_bytes, [this] { return has_room(); }) {}

  bool has_room() const;
  Error doubtful(Error error);
  void fold_deltas();

  std::shared_ptr<Database> database;
  RocksOptions options;
  std::mutex commit_mutex;  // guards `write` and `next`
  GroupWrite write;
  Position next;
  const Clock& clock;
  MonoTime folded_at;  // guarded by `commit_mutex`
  std::atomic<bool> failed{false};
  PacedCheck disk;
};

// RocksDB aborts the process when a flush or a compaction finds the disk full. So new work stops while there is still
// room for what is in memory, and a compaction starts only when its whole output fits beside the reserve.
bool RocksStore::Impl::has_room() const {
  const std::uint64_t free = options.free_bytes(database->directory().path());
  const std::uint64_t reserve = options.disk_reserve_bytes;
  const std::uint64_t compaction_room = free / 2 > reserve ? free - reserve : free / 2;
  // Zero would mean no limit.
  database->files().SetMaxAllowedSpaceUsage(
      std::max<std::uint64_t>(database->files().GetTotalSize() + compaction_room, 1));
  if (free < reserve) return false;
  std::uint64_t stopped = 0;
  return !database->db().GetIntProperty(rocksdb::DB::Properties::kIsWriteStopped, &stopped) || stopped == 0;
}

Error RocksStore::Impl::doubtful(Error error) {
  failed = true;
  return error;
}

// A reader adds up the deltas of a row that lie in memory, so their number must stay small. RocksDB could count them at
// each addition, which costs as much as the addition itself; writing the memory table to a file makes one value of them
// too.
void RocksStore::Impl::fold_deltas() {
  const MonoTime now = clock.mono();
  if (now.ns - folded_at.ns < fold_interval_ns) return;
  folded_at = now;
  rocksdb::FlushOptions flush;
  flush.wait = false;
  flush.allow_write_stall = true;
  // If it cannot be done now, the next commit in half a minute asks again.
  database->db().Flush(flush, database->family(Family::rollup)).PermitUncheckedError();
}

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& directory, const Clock& clock,
                                                     RocksOptions options) {
  if (!options.free_bytes) options.free_bytes = free_bytes_of;
  auto locked = DataDirectory::open(directory);
  if (!locked) return locked.error();
  auto database = Database::open(std::move(*locked), {options.cache_bytes, options.wal_bytes_max}, clock);
  if (!database) return database.error();
  const auto next = (*database)->next_position();
  if (!next) return next.error();
  std::unique_ptr<RocksStore> store(
      new RocksStore(std::make_unique<Impl>(std::move(*database), clock, std::move(options), *next)));
  Database& opened = *store->impl_->database;
  if (opened.directory().format() == format_number) return store;
  if (auto migrated = migrate(*store, opened.directory().format()); !migrated) return migrated.error();
  if (auto recorded = opened.set_migrated(); !recorded) return recorded.error();
  return store;
}

Result<std::optional<std::string>> RocksStore::get(Table table, const AccountId& account, std::string_view key) const {
  return impl_->database->get(nullptr, table, account, key);
}

Result<std::vector<std::optional<std::string>>> RocksStore::get_many(Table table, const AccountId& account,
                                                                     std::span<const std::string> keys) const {
  return impl_->database->get_many(nullptr, table, account, keys);
}

Result<void> RocksStore::scan(Table table, const AccountId& account, const ScanRange& range,
                              const RowVisitor& visit) const {
  return impl_->database->scan(nullptr, table, account, range, visit);
}

Result<void> RocksStore::scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const {
  return impl_->database->scan_all(nullptr, table, from_account, visit);
}

Result<Position> RocksStore::commit(std::span<const Batch> batches, Durability durability) {
  if (auto ok = check(batches); !ok) return ok.error();
  const std::lock_guard lock(impl_->commit_mutex);
  if (impl_->failed) return fail(Errc::unavailable, "an earlier write failed");
  GroupWrite& write = impl_->write;
  write.begin();
  Position next = impl_->next;
  for (const Batch& batch : batches) {
    write.add(batch);
    write.append(batch, next);
    next += batch.records().size();
  }
  if (!write.status().ok()) return impl_->doubtful(write_error(write.status()));
  if (write.batch().Count() == 0) return Position{0};

  rocksdb::WriteOptions options;
  options.sync = durability == Durability::synced;
  const Status status = impl_->database->db().Write(options, &write.batch());
  if (!status.ok()) return impl_->doubtful(write_error(status));
  if (impl_->database->log_failed()) {
    return impl_->doubtful(fail(Errc::unavailable, "the log could not be synced"));
  }
  impl_->disk.progress(write.batch().GetDataSize());
  if (write.batch().HasMerge()) impl_->fold_deltas();
  const Position first = std::exchange(impl_->next, next);
  return first == next ? Position{0} : first;
}

Result<void> RocksStore::sync() {
  if (impl_->failed) return fail(Errc::unavailable, "an earlier write failed");
  const Status status = impl_->database->db().SyncWAL();
  if (!status.ok()) return impl_->doubtful(write_error(status));
  return {};
}

Result<void> RocksStore::read_journal(Position from, const JournalVisitor& visit) const {
  return impl_->database->read_journal(from, visit);
}

Position RocksStore::next_position() const {
  const std::lock_guard lock(impl_->commit_mutex);
  return impl_->next;
}

std::shared_ptr<const Rows> RocksStore::snapshot() const {
  return std::make_shared<Snapshot>(impl_->database);
}

std::shared_ptr<const Rows> RocksStore::walk() const {
  return std::make_shared<Walk>(impl_->database);
}

bool RocksStore::writable() const {
  return !impl_->failed && impl_->disk.get();
}

std::uint64_t RocksStore::size_bytes() const {
  namespace fs = std::filesystem;
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator file(impl_->database->directory().database_path(), error), end; !error && file != end;
       file.increment(error)) {
    std::error_code gone;  // RocksDB may delete a file meanwhile
    const auto size = file->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

Result<void> RocksStore::compact() {
  for (std::size_t i = 0; i < family_count; ++i) {
    auto* family = impl_->database->family(static_cast<Family>(i));
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    const Status status = impl_->database->db().CompactRange(options, family, nullptr, nullptr);
    if (!status.ok()) return fail(Errc::unavailable, "cannot compact: " + status.ToString());
  }
  return {};
}

}  // namespace tally::storage

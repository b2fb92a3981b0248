#include "storage/rocksdb/database.h"

#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/perf_level.h>

#include "core/codec.h"

#ifdef __SANITIZE_THREAD__
// librocksdb is not instrumented, so the sanitizer does not see the atomics by which it orders its threads.
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb.so\n";
}
#endif

namespace tally::storage {

namespace {

using rocksdb::PinnableSlice;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

std::string_view view(const Slice& slice) {
  return {slice.data(), slice.size()};
}

ReadOptions options_at(const rocksdb::Snapshot* snapshot) {
  // Per thread: without it RocksDB counts its steps, row by row, for a profile that nobody reads.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  ReadOptions options;
  options.snapshot = snapshot;
  return options;
}

// Runs between two logs: no byte of the new log may reach the disk before all of the old one, or a power loss could
// take a relaxed commit and leave a later one.
class SyncBetweenLogs final : public rocksdb::EventListener {
 public:
  explicit SyncBetweenLogs(std::shared_ptr<std::atomic<bool>> failed) : failed_(std::move(failed)) {}
  void attach(rocksdb::DB* db) { db_ = db; }
  void OnMemTableSealed(const rocksdb::MemTableInfo&) override {
    rocksdb::DB* db = db_;
    if (db != nullptr && !db->SyncWAL().ok()) *failed_ = true;
  }

 private:
  std::shared_ptr<std::atomic<bool>> failed_;
  std::atomic<rocksdb::DB*> db_{nullptr};
};

Error open_error(const std::string& directory, const Status& status) {
  if (status.IsCorruption()) {
    return fail(Errc::corrupt,
                "the data in " + directory + " is damaged (" + status.ToString() +
                    "). Opening it would lose acknowledged changes without a trace: restore the whole directory "
                    "from a backup, and check the disk");
  }
  if (status.IsInvalidArgument()) {
    return fail(Errc::invalid_argument, directory + " was written by another program version: " + status.ToString());
  }
  return fail(Errc::unavailable, "cannot open " + directory + ": " + status.ToString());
}

}  // namespace

Error read_error(const Status& status) {
  if (status.IsCorruption()) return fail(Errc::corrupt, "stored bytes are damaged: " + status.ToString());
  return fail(Errc::unavailable, "cannot read: " + status.ToString());
}

Result<std::shared_ptr<Database>> Database::open(DataDirectory directory, const Tuning& tuning, const Clock& clock) {
  std::shared_ptr<Database> database(new Database(std::move(directory)));
  const auto listener = std::make_shared<SyncBetweenLogs>(database->log_failed_);
  database->files_.reset(rocksdb::NewSstFileManager(rocksdb::Env::Default()));
  rocksdb::DBOptions options = database_options(tuning);
  options.sst_file_manager = database->files_;
  options.listeners.push_back(listener);

  rocksdb::DB* db = nullptr;
  const Status status = rocksdb::DB::Open(options, database->directory_.database_path(), family_options(tuning, clock),
                                          &database->families_, &db);
  if (!status.ok()) return open_error(database->directory_.path(), status);
  database->db_.reset(db);
  listener->attach(db);
  return database;
}

Database::~Database() {
  if (!db_) return;
  for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
  db_->Close();
}

Result<std::optional<std::string>> Database::get(const rocksdb::Snapshot* snapshot, Table table,
                                                 const AccountId& account, std::string_view key) const {
  std::string full = row_prefix(table, account);
  full.append(key);
  std::string value;
  const Status status = db_->Get(options_at(snapshot), family(family_of(table)), full, &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return read_error(status);
  return std::optional<std::string>(std::move(value));
}

Result<std::vector<std::optional<std::string>>> Database::get_many(const rocksdb::Snapshot* snapshot, Table table,
                                                                   const AccountId& account,
                                                                   std::span<const std::string> keys) const {
  const std::string prefix = row_prefix(table, account);
  std::size_t bytes = 0;
  for (const std::string& key : keys) bytes += prefix.size() + key.size();
  std::string buffer;
  buffer.reserve(bytes);  // the slices point into it, so it must not move
  std::vector<Slice> slices;
  slices.reserve(keys.size());
  for (const std::string& key : keys) {
    const std::size_t begin = buffer.size();
    buffer.append(prefix).append(key);
    slices.emplace_back(buffer.data() + begin, buffer.size() - begin);
  }
  std::vector<PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  db_->MultiGet(options_at(snapshot), family(family_of(table)), slices.size(), slices.data(), values.data(),
                statuses.data());
  std::vector<std::optional<std::string>> answers(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      answers[i].emplace(values[i].data(), values[i].size());
    } else if (!statuses[i].IsNotFound()) {
      return read_error(statuses[i]);
    }
  }
  return answers;
}

Result<void> Database::scan(const rocksdb::Snapshot* snapshot, Table table, const AccountId& account,
                            const ScanRange& range, const RowVisitor& visit) const {
  const std::string prefix = row_prefix(table, account);
  const std::string lower = prefix + range.from;
  const std::string upper = range.to.empty() ? row_prefix_end(table, account) : prefix + range.to;
  if (upper <= lower) return {};
  const Slice lower_bound(lower);
  const Slice upper_bound(upper);
  ReadOptions options = options_at(snapshot);
  options.iterate_upper_bound = &upper_bound;
  options.ignore_range_deletions = true;  // there are none
  if (range.reverse) options.iterate_lower_bound = &lower_bound;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, family(family_of(table))));
  if (range.reverse) {
    for (row->SeekToLast(); row->Valid(); row->Prev()) {
      if (!visit(view(row->key()).substr(prefix.size()), view(row->value()))) return {};
    }
  } else {
    for (row->Seek(lower_bound); row->Valid(); row->Next()) {
      if (!visit(view(row->key()).substr(prefix.size()), view(row->value()))) return {};
    }
  }
  if (!row->status().ok()) return read_error(row->status());
  return {};
}

Result<void> Database::scan_all(const rocksdb::Snapshot* snapshot, Table table, const AccountId& from_account,
                                const AccountRowVisitor& visit) const {
  const KeyRange range = table_range(table, from_account);
  const Slice upper_bound(range.end);
  ReadOptions options = options_at(snapshot);
  options.fill_cache = false;  // a walk over everything must not push out what requests need
  if (!range.end.empty()) options.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, family(family_of(table))));
  for (row->Seek(range.begin); row->Valid(); row->Next()) {
    const auto [account, key] = split_account(view(row->key()), has_table_byte(table));
    if (account.empty()) return fail(Errc::corrupt, "a stored key names no account");
    if (!visit(account, key, view(row->value()))) return {};
  }
  if (!row->status().ok()) return read_error(row->status());
  return {};
}

Result<void> Database::read_journal(Position from, const JournalVisitor& visit) const {
  std::string begin;
  append_be64(begin, from);
  ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> entry(db_->NewIterator(options, family(Family::journal)));
  for (entry->Seek(begin); entry->Valid(); entry->Next()) {
    const auto [account, record] = split_account(view(entry->value()), false);
    if (account.empty() || entry->key().size() != 8) return fail(Errc::corrupt, "a journal record names no account");
    if (!visit(read_be64(view(entry->key())), account, record)) return {};
  }
  if (!entry->status().ok()) return read_error(entry->status());
  return {};
}

Result<Position> Database::next_position() const {
  const std::unique_ptr<rocksdb::Iterator> entry(db_->NewIterator(ReadOptions(), family(Family::journal)));
  entry->SeekToLast();
  if (entry->Valid() && entry->key().size() == 8) return read_be64(view(entry->key())) + 1;
  if (entry->Valid()) return fail(Errc::corrupt, "a journal key is no position");
  if (!entry->status().ok()) return read_error(entry->status());
  return Position{1};
}

}  // namespace tally::storage

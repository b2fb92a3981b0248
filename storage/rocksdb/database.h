// An open RocksDB with our column families, and reads from it. Included only by the files of this folder.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/sst_file_manager.h>

#include <atomic>
#include <memory>

#include "storage/rocksdb/data_directory.h"
#include "storage/rocksdb/layout.h"
#include "storage/store.h"

namespace tally::storage {

// Closed when the last owner lets go: the store or one of its snapshots.
class Database {
 public:
  static Result<std::shared_ptr<Database>> open(DataDirectory directory, const Tuning& tuning, const Clock& clock);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const { return families_[static_cast<std::size_t>(family)]; }
  const DataDirectory& directory() const { return directory_; }
  Result<void> set_migrated() { return directory_.set_migrated(); }
  // Counts table files and decides whether a compaction has room.
  rocksdb::SstFileManager& files() const { return *files_; }
  // Set once a log could not be synced before the next one began.
  bool log_failed() const { return *log_failed_; }

  // Reads as of `snapshot`, or of now when it is null.
  Result<std::optional<std::string>> get(const rocksdb::Snapshot* snapshot, Table table, const AccountId& account,
                                         std::string_view key) const;
  Result<std::vector<std::optional<std::string>>> get_many(const rocksdb::Snapshot* snapshot, Table table,
                                                           const AccountId& account,
                                                           std::span<const std::string> keys) const;
  Result<void> scan(const rocksdb::Snapshot* snapshot, Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const;
  Result<void> scan_all(const rocksdb::Snapshot* snapshot, Table table, const AccountId& from_account,
                        const AccountRowVisitor& visit) const;
  Result<void> read_journal(Position from, const JournalVisitor& visit) const;
  // One behind the last record; 1 in an empty journal.
  Result<Position> next_position() const;

 private:
  explicit Database(DataDirectory directory) : directory_(std::move(directory)) {}

  DataDirectory directory_;  // first, so that the lock is let go last
  std::shared_ptr<rocksdb::SstFileManager> files_;
  std::shared_ptr<std::atomic<bool>> log_failed_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

Error read_error(const rocksdb::Status& status);

}  // namespace tally::storage

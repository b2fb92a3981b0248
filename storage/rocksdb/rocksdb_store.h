// The Store on one machine's disk, over RocksDB.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "storage/store.h"

namespace tally::storage {

struct RocksOptions {
  std::uint64_t cache_bytes = 128ull << 20;         // blocks, indexes and filters that were read
  std::uint64_t disk_reserve_bytes = 256ull << 20;  // less free space than this: writable() is false
  std::uint64_t wal_bytes_max = 48ull << 20;        // bounds how long a restart reads the log
  // The free bytes of the file system that holds `directory`. Empty: asks the system.
  std::function<std::uint64_t(const std::string& directory)> free_bytes;
};

class RocksStore final : public Store {
 public:
  // Opens the store in `directory`, or makes a new one. Holds the directory's lock until the store and all its
  // snapshots are gone. `clock` must outlive them. A directory of an older format is migrated, which takes a while for
  // many rows. Errc::conflict: the directory is in use. Errc::invalid_argument: its format is newer, or too old.
  // Errc::corrupt: acknowledged bytes are damaged or missing; the detail says what to do. Errc::unavailable: the file
  // system refuses.
  static Result<std::unique_ptr<RocksStore>> open(const std::string& directory, const Clock& clock,
                                                  RocksOptions options = {});
  ~RocksStore() override;

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override;
  Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const override;
  Result<void> scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const override;

  Result<Position> commit(std::span<const Batch> batches, Durability durability) override;
  Result<void> sync() override;
  Result<void> read_journal(Position from, const JournalVisitor& visit) const override;
  Position next_position() const override;
  std::shared_ptr<const Rows> snapshot() const override;
  std::shared_ptr<const Rows> walk() const override;
  // Also false while RocksDB holds writes back because compaction cannot keep up.
  bool writable() const override;
  std::uint64_t size_bytes() const override;

  // Writes everything in memory to table files and compacts them all, which also drops old dedup rows. Slow; for
  // maintenance.
  Result<void> compact();

 private:
  struct Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally::storage

// The reference model of Store: ordered maps in memory, nothing durable. Other backends are compared with it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

#include "storage/store.h"

namespace tally::storage {

class MemoryStore final : public Store {
 public:
  MemoryStore();
  ~MemoryStore() override;

  // A store of its own with the same rows, journal and next position.
  std::unique_ptr<MemoryStore> clone() const;

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override;
  Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const override;
  Result<void> scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const override;

  Result<Position> commit(std::span<const Batch> batches, Durability durability) override;
  Result<void> sync() override { return {}; }
  Result<void> read_journal(Position from, const JournalVisitor& visit) const override;
  Position next_position() const override;
  std::shared_ptr<const Rows> snapshot() const override;
  bool writable() const override { return true; }
  std::uint64_t size_bytes() const override;

 private:
  struct TableRows;
  class Lease;
  class Frozen;
  struct Record {
    std::string account;
    std::string bytes;
  };
  static constexpr std::size_t table_count = static_cast<std::size_t>(std::ranges::max(all_tables)) + 1;

  Lease lease(Table table) const;
  TableRows& changeable(Table table);
  Result<void> apply(const AccountId& account, const Batch::Op& op);

  mutable std::mutex mutex_;
  std::array<std::shared_ptr<TableRows>, table_count> tables_;
  std::map<Position, Record> journal_;
  Position next_ = 1;
};

}  // namespace tally::storage

// A snapshot whose reader goes forward. Included only by the files of this folder.
#pragma once

#include <rocksdb/db.h>

#include <map>
#include <memory>
#include <string>

#include "storage/rocksdb/database.h"

namespace tally::storage {

// For one thread. An iterator stays open in each table that was read, where the last read ended: what comes right
// behind is found without a search, and the block that it lies in is at hand. Blocks are not kept in the cache, as
// those of a walk are read once and would push out what requests need.
class Walk final : public Rows {
 public:
  explicit Walk(std::shared_ptr<const Database> database);
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;
  ~Walk() override;

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override;
  Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const override;
  Result<void> scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const override;

 private:
  class Place;
  Place& place_in(Table table) const;

  std::shared_ptr<const Database> database_;
  const rocksdb::Snapshot* snapshot_;
  mutable std::map<Table, std::unique_ptr<Place>> places_;
};

}  // namespace tally::storage

#include "storage/rocksdb/walk.h"

#include <rocksdb/perf_level.h>

namespace tally::storage {

namespace {

std::string_view text_of(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace

// Where the reading of a table stands: at the first row from `reached_` on.
class Walk::Place {
 public:
  Place(const Database& database, const rocksdb::Snapshot* snapshot, Table table)
      : end_(table_range(table, AccountId()).end), end_slice_(end_) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.fill_cache = false;
    options.ignore_range_deletions = true;  // there are none
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    row_.reset(database.db().NewIterator(options, database.family(family_of(table))));
  }

  // Goes to the first row from `key` on.
  void go_to(std::string_view key) {
    if (stands_at(key)) return;
    // Often the row behind the last one that was read.
    if (row_->Valid() && reached_ <= key) {
      step();
      if (stands_at(key)) return;
    }
    row_->Seek(rocksdb::Slice(key.data(), key.size()));
    reached_.assign(key);
    begun_ = true;
  }
  void step() {
    reached_.assign(key());
    reached_.push_back('\0');
    row_->Next();
  }
  bool valid() const { return row_->Valid(); }
  std::string_view key() const { return text_of(row_->key()); }
  std::string_view value() const { return text_of(row_->value()); }
  Result<void> status() const {
    if (!row_->status().ok()) return read_error(row_->status());
    return {};
  }

 private:
  bool stands_at(std::string_view wanted) const {
    return begun_ && row_->status().ok() && reached_ <= wanted && (!row_->Valid() || wanted <= key());
  }

  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> row_;
  std::string reached_;
  bool begun_ = false;
};

Walk::Walk(std::shared_ptr<const Database> database)
    : database_(std::move(database)), snapshot_(database_->db().GetSnapshot()) {}

Walk::~Walk() {
  places_.clear();
  database_->db().ReleaseSnapshot(snapshot_);
}

Walk::Place& Walk::place_in(Table table) const {
  // Per thread: without it RocksDB counts its steps, row by row, for a profile that nobody reads.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  auto& place = places_[table];
  if (!place) place = std::make_unique<Place>(*database_, snapshot_, table);
  return *place;
}

Result<std::optional<std::string>> Walk::get(Table table, const AccountId& account, std::string_view key) const {
  Place& place = place_in(table);
  std::string full = row_prefix(table, account);
  full.append(key);
  place.go_to(full);
  if (place.valid() && place.key() == full) return std::optional<std::string>(place.value());
  if (auto read = place.status(); !read) return read.error();
  return std::optional<std::string>();
}

Result<std::vector<std::optional<std::string>>> Walk::get_many(Table table, const AccountId& account,
                                                               std::span<const std::string> keys) const {
  return database_->get_many(snapshot_, table, account, keys);
}

Result<void> Walk::scan(Table table, const AccountId& account, const ScanRange& range, const RowVisitor& visit) const {
  if (range.reverse) return database_->scan(snapshot_, table, account, range, visit);
  const std::string prefix = row_prefix(table, account);
  const std::string end = range.to.empty() ? row_prefix_end(table, account) : prefix + range.to;
  Place& place = place_in(table);
  for (place.go_to(prefix + range.from); place.valid() && place.key() < end; place.step()) {
    if (!visit(place.key().substr(prefix.size()), place.value())) return {};
  }
  return place.status();
}

Result<void> Walk::scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const {
  return database_->scan_all(snapshot_, table, from_account, visit);
}

}  // namespace tally::storage

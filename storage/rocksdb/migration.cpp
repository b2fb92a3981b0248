#include "storage/rocksdb/migration.h"

#include <optional>

#include "core/rollup.h"

namespace tally::storage {

namespace {

constexpr std::size_t migrated_at_once = 10'000;  // rows

// Format 1 had a row for each series of a period. What moves into the period's row leaves its own in the same batch.
Result<void> join_series(Store& store, Table table) {
  std::vector<Batch> batches;
  std::size_t rows = 0;
  std::optional<Error> broken;
  const auto write = [&] {
    if (!store.writable()) {
      broken = fail(Errc::exhausted, "the disk is nearly full: its data cannot be migrated to the current format");
    } else if (const auto committed = store.commit(batches, Durability::relaxed); !committed) {
      broken = committed.error();
    }
    batches.clear();
    rows = 0;
  };
  const auto scanned =
      store.scan_all(table, AccountId(), [&](std::string_view account, std::string_view key, std::string_view value) {
        const auto series = series_row_key(key);
        if (!series) return true;
        RollupRowWriter row;
        row.add(series->dims, value);
        if (batches.empty() || batches.back().account().str() != account)
          batches.emplace_back(AccountId(std::string(account)));
        batches.back().add(table, rollup_key(series->period), std::move(row).take());
        batches.back().erase(table, std::string(key));
        if (++rows >= migrated_at_once) write();
        return !broken;
      });
  if (!scanned) return scanned.error();
  if (!broken && rows > 0) write();
  if (broken) return *broken;
  return {};
}

}  // namespace

Result<void> migrate(Store& store, std::uint32_t from_format) {
  if (from_format >= 2) return {};
  for (const Table table : {Table::rollup_day, Table::rollup_month}) {
    if (auto joined = join_series(store, table); !joined) return joined;
  }
  return store.sync();
}

}  // namespace tally::storage

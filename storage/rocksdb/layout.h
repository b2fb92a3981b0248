// Where a row lies in RocksDB, and how RocksDB is set up for it.
//
// A row's key is its table's number as a byte (left out in `dedup`, which holds one table), the account, a zero byte,
// and the row's own key. A journal record's key is its position as 8 bytes big-endian; its value is the account, a zero
// byte, and the record. Included only by the files of this folder.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "storage/store.h"

namespace tally::storage {

// Column families are split where their rows live differently: many small ones, large values, counters that are merged,
// look-ups that mostly miss, and a log.
enum class Family : std::uint8_t { records, bulk, rollup, dedup, journal };
inline constexpr std::size_t family_count = 5;

Family family_of(Table table) noexcept;

// What the keys of one account's rows of one table begin with.
std::string row_prefix(Table table, const AccountId& account);
// Exclusive end of the keys that begin so.
std::string row_prefix_end(Table table, const AccountId& account);

struct KeyRange {
  std::string begin;
  std::string end;  // exclusive; empty: to the family's end
};
// All accounts' rows of a table, from `from_account` on.
KeyRange table_range(Table table, const AccountId& from_account);

struct AccountAndRest {
  std::string_view account;
  std::string_view rest;
};
// Splits a row's key, or a journal record's value with `table_byte` false. Without a zero byte the account is empty.
AccountAndRest split_account(std::string_view bytes, bool table_byte) noexcept;
bool has_table_byte(Table table) noexcept;

// Rows of `dedup` that arrived longer ago than this are dropped by compaction.
inline constexpr std::int64_t dedup_kept_ms = 33 * day_ms;
// The same for `idempotency`.
inline constexpr std::int64_t idempotency_kept_ms = 8 * day_ms;
// The same for `dropped_job`.
inline constexpr std::int64_t dropped_job_kept_ms = 30 * day_ms;

struct Tuning {
  std::uint64_t cache_bytes;
  std::uint64_t wal_bytes_max;
};
rocksdb::DBOptions database_options(const Tuning& tuning);
// In the order of Family. `clock` must outlive the database.
std::vector<rocksdb::ColumnFamilyDescriptor> family_options(const Tuning& tuning, const Clock& clock);

}  // namespace tally::storage

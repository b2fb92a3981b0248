#include "storage/rocksdb/layout.h"

#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <deque>
#include <vector>

#include "core/codec.h"
#include "core/rollup.h"

namespace tally::storage {

Family family_of(Table table) noexcept {
  switch (table) {
    case Table::meta:
    case Table::account:
    case Table::credential:
    case Table::price:
    case Table::job:
    case Table::open_job:
    case Table::delivery:
    case Table::open_delivery:
    case Table::meter:
    case Table::idempotency:
    case Table::job_by_time:
    case Table::ledger:
    case Table::lot:
    case Table::hold:
    case Table::open_hold:
    case Table::reversal:
    case Table::webhook:
    case Table::webhook_delivery:
    case Table::rate_window:
    case Table::login:
    case Table::session:
    case Table::delivery_attempts:
    case Table::schedule:
    case Table::dropped_job:
      return Family::records;
    case Table::job_result:
    case Table::result_part:
    case Table::checkpoint:
    case Table::delivery_body:
    case Table::ledger_entry:
      return Family::bulk;
    case Table::rollup_day:
    case Table::rollup_month:
      return Family::rollup;
    case Table::dedup:
      return Family::dedup;
  }
  return Family::records;
}

bool has_table_byte(Table table) noexcept {
  return table != Table::dedup;
}

std::string row_prefix(Table table, const AccountId& account) {
  std::string prefix;
  prefix.reserve(account.str().size() + 64);
  if (has_table_byte(table)) prefix.push_back(static_cast<char>(table));
  prefix.append(account.str());
  prefix.push_back('\0');
  return prefix;
}

std::string row_prefix_end(Table table, const AccountId& account) {
  std::string end = row_prefix(table, account);
  end.back() = '\1';
  return end;
}

KeyRange table_range(Table table, const AccountId& from_account) {
  if (!has_table_byte(table)) return {from_account.str(), {}};
  return {std::string(1, static_cast<char>(table)) + from_account.str(),
          std::string(1, static_cast<char>(static_cast<int>(table) + 1))};
}

AccountAndRest split_account(std::string_view bytes, bool table_byte) noexcept {
  if (table_byte && !bytes.empty()) bytes.remove_prefix(1);
  const auto zero = bytes.find('\0');
  if (zero == std::string_view::npos) return {};
  return {bytes.substr(0, zero), bytes.substr(zero + 1)};
}

namespace {

constexpr std::size_t mib = 1 << 20;

std::string_view view_of(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

class RollupMerge final : public rocksdb::MergeOperator {
 public:
  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    // A row that was added to once is its own sum.
    if (in.existing_value == nullptr && in.operand_list.size() == 1) {
      out->existing_operand = in.operand_list.front();
      return true;
    }
    std::vector<std::string_view> parts;
    parts.reserve(in.operand_list.size() + 1);
    if (in.existing_value != nullptr) parts.push_back(view_of(*in.existing_value));
    for (const rocksdb::Slice& operand : in.operand_list) parts.push_back(view_of(operand));
    return add_up(parts, out->new_value);
  }
  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& operands, std::string* merged,
                         rocksdb::Logger*) const override {
    std::vector<std::string_view> parts;
    parts.reserve(operands.size());
    for (const rocksdb::Slice& operand : operands) parts.push_back(view_of(operand));
    return add_up(parts, *merged);
  }
  const char* Name() const override { return "tally.rollup"; }

 private:
  // In pairs, so that a long row is not copied once for every short delta.
  static bool add_up(std::vector<std::string_view> parts, std::string& sum) {
    std::vector<std::string> sums;
    while (parts.size() > 1) {
      std::vector<std::string> next;
      next.reserve(parts.size() / 2 + 1);
      for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
        auto added = add(parts[i], parts[i + 1]);
        if (!added) return false;
        next.push_back(std::move(*added));
      }
      if (parts.size() % 2 == 1) next.emplace_back(parts.back());
      sums = std::move(next);
      parts.assign(sums.begin(), sums.end());
    }
    sum = sums.empty() ? std::string(parts.front()) : std::move(sums.front());
    return true;
  }
  // Deltas of a directory's old format wait in its files until they are migrated.
  static Result<std::string> add(std::string_view existing, std::string_view delta) {
    return is_series_row(existing) ? merge_series_rows(existing, delta) : merge_rollups(existing, delta);
  }
};

// The account that a key of a family without a table byte, or behind one, begins with.
class AccountPrefix final : public rocksdb::SliceTransform {
 public:
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), std::min(view_of(key).find('\0'), key.size())};
  }
  bool InDomain(const rocksdb::Slice& key) const override { return view_of(key).find('\0') != std::string_view::npos; }
  const char* Name() const override { return "tally.account"; }
};

// Drops rows whose value begins with a time that lies too far back: those of one table, or of the whole family.
struct Retention {
  std::optional<Table> table;
  std::int64_t kept_ms;
};
using Retentions = std::vector<Retention>;

class DropOld final : public rocksdb::CompactionFilter {
 public:
  DropOld(Retentions retentions, UtcTime now) : retentions_(std::move(retentions)), now_ms_(now.ms()) {}
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice& value, std::string*, bool*) const override {
    for (const Retention& each : retentions_) {
      if (each.table && (key.empty() || key[0] != static_cast<char>(*each.table))) continue;
      return value.size() >= 8 && static_cast<std::int64_t>(read_be64(view_of(value))) < now_ms_ - each.kept_ms;
    }
    return false;
  }
  const char* Name() const override { return "tally.drop_old"; }

 private:
  const Retentions retentions_;
  const std::int64_t now_ms_;
};

class DropOldFactory final : public rocksdb::CompactionFilterFactory {
 public:
  DropOldFactory(Retentions retentions, const Clock& clock) : retentions_(std::move(retentions)), clock_(clock) {}
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<DropOld>(retentions_, clock_.now());
  }
  const char* Name() const override { return "tally.drop_old"; }

 private:
  const Retentions retentions_;
  const Clock& clock_;
};

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // Indexes and filters count against the cache, so that memory stays bounded however much is stored.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = true;
  table.format_version = 5;
  return table;
}

rocksdb::ColumnFamilyOptions common_options(const rocksdb::BlockBasedTableOptions& table, std::size_t buffer_bytes) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = buffer_bytes;
  options.max_write_buffer_number = 3;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions records_options(const rocksdb::BlockBasedTableOptions& table, const Clock& clock) {
  auto options = common_options(table, 32 * mib);
  options.compaction_filter_factory = std::make_shared<DropOldFactory>(
      Retentions{{Table::idempotency, idempotency_kept_ms}, {Table::dropped_job, dropped_job_kept_ms}}, clock);
  return options;
}

// Results and their parts are large and written once. In files of their own no compaction copies them again, and those
// of a time go together when they have expired. Ledger entries, which are scanned, stay in the tables.
rocksdb::ColumnFamilyOptions bulk_options(const rocksdb::BlockBasedTableOptions& table) {
  auto options = common_options(table, 16 * mib);  // a large result fills one after the other
  options.enable_blob_files = true;
  options.min_blob_size = 32 * 1024;
  options.blob_compression_type = rocksdb::kLZ4Compression;
  options.enable_blob_garbage_collection = true;
  return options;
}

// Rows are written an account at a time and in order, so each goes in beside the one before (AccountPrefix).
rocksdb::ColumnFamilyOptions rollup_options(rocksdb::BlockBasedTableOptions table) {
  table.filter_policy.reset();   // nobody asks for a single row
  table.block_size = 16 * 1024;  // reports read neighbours
  auto options = common_options(table, 64 * mib);
  options.merge_operator = std::make_shared<RollupMerge>();
  options.memtable_insert_with_hint_prefix_extractor = std::make_shared<AccountPrefix>();
  return options;
}

rocksdb::ColumnFamilyOptions dedup_options(rocksdb::BlockBasedTableOptions table, const Clock& clock) {
  // Every look-up asks the filters. In pieces they fit into the cache; a filter of millions of keys in one block does
  // not, and would be read anew each time.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 16 * 1024;
  auto options = common_options(table, 64 * mib);
  // Keys come at random and are never read in order: universal compaction rewrites them least often.
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.compaction_filter_factory = std::make_shared<DropOldFactory>(Retentions{{{}, dedup_kept_ms}}, clock);
  options.periodic_compaction_seconds = 7 * 24 * 3600;  // so that old rows go although nothing is added beside them
  // Look-ups mostly miss; a filter spares them the walk through the memtable.
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  options.memtable_insert_with_hint_prefix_extractor = std::make_shared<AccountPrefix>();
  return options;
}

rocksdb::ColumnFamilyOptions journal_options(rocksdb::BlockBasedTableOptions table) {
  table.filter_policy.reset();  // nobody asks for a position that is not there
  table.block_size = 32 * 1024;
  auto options = common_options(table, 64 * mib);
  // Positions only grow: the memtable goes on where it left off, and files move down the levels without a rewrite.
  options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(4));
  return options;
}

}  // namespace

rocksdb::DBOptions database_options(const Tuning& tuning) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;

  // The default mode drops everything behind a damaged record without a word. This one ends the log at a torn last
  // record, which an ordinary crash leaves, and refuses to open when records follow the damage. Recycled logs would
  // defeat it.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.recycle_log_file_num = 0;
  options.paranoid_checks = true;
  options.max_bgerror_resume_count = 0;  // a write that failed is doubtful: the process ends, RocksDB must not carry on

  options.max_total_wal_size = tuning.wal_bytes_max;
  options.avoid_flush_during_shutdown = true;  // the log has it all
  options.wal_bytes_per_sync = mib;
  options.bytes_per_sync = mib;

  // One committer writes at a time.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;

  options.db_write_buffer_size = 256 * mib;
  options.max_background_jobs = 2;
  options.max_open_files = 512;
  options.max_file_opening_threads = 2;
  options.skip_stats_update_on_db_open = true;

  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = mib;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> family_options(const Tuning& tuning, const Clock& clock) {
  const auto table = table_options(rocksdb::NewLRUCache(tuning.cache_bytes));
  return {
      {rocksdb::kDefaultColumnFamilyName, records_options(table, clock)},
      {"bulk", bulk_options(table)},
      {"rollup", rollup_options(table)},
      {"dedup", dedup_options(table, clock)},
      {"journal", journal_options(table)},
  };
}

}  // namespace tally::storage

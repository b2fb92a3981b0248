#include "storage/memory/memory_store.h"

#include <atomic>

#include "core/rollup.h"

namespace tally::storage {

namespace {

using RowKey = std::pair<std::string, std::string>;  // account, key
using RowMap = std::map<RowKey, std::string>;

std::optional<std::string> get_row(const RowMap& rows, const AccountId& account, std::string_view key) {
  const auto row = rows.find({account.str(), std::string(key)});
  if (row == rows.end()) return std::nullopt;
  return row->second;
}

std::vector<std::optional<std::string>> get_rows(const RowMap& rows, const AccountId& account,
                                                 std::span<const std::string> keys) {
  std::vector<std::optional<std::string>> answers;
  answers.reserve(keys.size());
  for (const std::string& key : keys) answers.push_back(get_row(rows, account, key));
  return answers;
}

void scan_rows(const RowMap& rows, const AccountId& account, const ScanRange& range, const RowVisitor& visit) {
  if (!range.to.empty() && range.to <= range.from) return;
  // No account holds a zero byte, so this is the first possible one behind `account`.
  const std::string next_account = account.str() + '\0';
  const auto begin = rows.lower_bound({account.str(), range.from});
  auto end = range.to.empty() ? rows.lower_bound({next_account, {}}) : rows.lower_bound({account.str(), range.to});
  if (range.reverse) {
    while (end != begin) {
      --end;
      if (!visit(end->first.second, end->second)) return;
    }
  } else {
    for (auto row = begin; row != end; ++row) {
      if (!visit(row->first.second, row->second)) return;
    }
  }
}

void scan_all_rows(const RowMap& rows, const AccountId& from_account, const AccountRowVisitor& visit) {
  for (auto row = rows.lower_bound({from_account.str(), {}}); row != rows.end(); ++row) {
    if (!visit(row->first.first, row->first.second, row->second)) return;
  }
}

}  // namespace

struct MemoryStore::TableRows {
  RowMap rows;
  std::atomic<int> readers{0};
};

// While one is held, a commit changes a copy of the table and leaves this one as it is. Taken under the store's mutex.
class MemoryStore::Lease {
 public:
  explicit Lease(std::shared_ptr<TableRows> table) : table_(std::move(table)) {
    table_->readers.fetch_add(1, std::memory_order_relaxed);
  }
  Lease(Lease&&) = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (table_) table_->readers.fetch_sub(1, std::memory_order_release);
  }
  const RowMap& rows() const { return table_->rows; }

 private:
  std::shared_ptr<TableRows> table_;
};

class MemoryStore::Frozen final : public Rows {
 public:
  explicit Frozen(std::vector<Lease> tables) : tables_(std::move(tables)) {}

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override {
    return get_row(rows(table), account, key);
  }
  Result<std::vector<std::optional<std::string>>> get_many(Table table, const AccountId& account,
                                                           std::span<const std::string> keys) const override {
    return get_rows(rows(table), account, keys);
  }
  Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const override {
    scan_rows(rows(table), account, range, visit);
    return {};
  }
  Result<void> scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const override {
    scan_all_rows(rows(table), from_account, visit);
    return {};
  }

 private:
  const RowMap& rows(Table table) const { return tables_.at(static_cast<std::size_t>(table)).rows(); }
  std::vector<Lease> tables_;
};

MemoryStore::MemoryStore() {
  for (auto& table : tables_) table = std::make_shared<TableRows>();
}

MemoryStore::~MemoryStore() = default;

std::unique_ptr<MemoryStore> MemoryStore::clone() const {
  auto copy = std::make_unique<MemoryStore>();
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < table_count; ++i) copy->tables_[i]->rows = tables_[i]->rows;
  copy->journal_ = journal_;
  copy->next_ = next_;
  return copy;
}

MemoryStore::Lease MemoryStore::lease(Table table) const {
  const std::lock_guard lock(mutex_);
  return Lease(tables_.at(static_cast<std::size_t>(table)));
}

MemoryStore::TableRows& MemoryStore::changeable(Table table) {
  auto& current = tables_.at(static_cast<std::size_t>(table));
  if (current->readers.load(std::memory_order_acquire) > 0) {
    auto copy = std::make_shared<TableRows>();
    copy->rows = current->rows;
    current = std::move(copy);
  }
  return *current;
}

Result<std::optional<std::string>> MemoryStore::get(Table table, const AccountId& account, std::string_view key) const {
  return get_row(lease(table).rows(), account, key);
}

Result<std::vector<std::optional<std::string>>> MemoryStore::get_many(Table table, const AccountId& account,
                                                                      std::span<const std::string> keys) const {
  return get_rows(lease(table).rows(), account, keys);
}

Result<void> MemoryStore::scan(Table table, const AccountId& account, const ScanRange& range,
                               const RowVisitor& visit) const {
  const Lease held = lease(table);
  scan_rows(held.rows(), account, range, visit);
  return {};
}

Result<void> MemoryStore::scan_all(Table table, const AccountId& from_account, const AccountRowVisitor& visit) const {
  const Lease held = lease(table);
  scan_all_rows(held.rows(), from_account, visit);
  return {};
}

Result<void> MemoryStore::apply(const AccountId& account, const Batch::Op& op) {
  RowMap& rows = changeable(op.table).rows;
  const RowKey key{account.str(), op.key};
  switch (op.kind) {
    case Batch::Kind::put:
      rows[key] = op.value;
      return {};
    case Batch::Kind::erase:
      rows.erase(key);
      return {};
    case Batch::Kind::add: {
      const auto row = rows.find(key);
      if (row == rows.end()) {
        rows.emplace(key, op.value);
        return {};
      }
      auto merged = merge_rollups(row->second, op.value);
      if (!merged) return merged.error();
      row->second = std::move(*merged);
      return {};
    }
  }
  return {};
}

Result<Position> MemoryStore::commit(std::span<const Batch> batches, Durability) {
  if (auto ok = check(batches); !ok) return ok.error();
  const std::lock_guard lock(mutex_);
  Position first = 0;
  for (const Batch& batch : batches) {
    for (const Batch::Op& op : batch.ops()) {
      if (auto ok = apply(batch.account(), op); !ok) return ok.error();
    }
    for (const std::string& record : batch.records()) {
      if (first == 0) first = next_;
      journal_.emplace(next_++, Record{batch.account().str(), record});
    }
  }
  return first;
}

Result<void> MemoryStore::read_journal(Position from, const JournalVisitor& visit) const {
  std::unique_lock lock(mutex_);
  const Position end = next_;
  for (auto entry = journal_.lower_bound(from); entry != journal_.end() && entry->first < end;) {
    // The visitor may commit, so it sees a copy and runs without the lock.
    const auto [position, record] = *entry;
    lock.unlock();
    if (!visit(position, record.account, record.bytes)) return {};
    lock.lock();
    entry = journal_.upper_bound(position);
  }
  return {};
}

Position MemoryStore::next_position() const {
  const std::lock_guard lock(mutex_);
  return next_;
}

std::shared_ptr<const Rows> MemoryStore::snapshot() const {
  const std::lock_guard lock(mutex_);
  std::vector<Lease> leases;
  leases.reserve(table_count);
  for (const auto& table : tables_) leases.emplace_back(table);
  return std::make_shared<Frozen>(std::move(leases));
}

std::uint64_t MemoryStore::size_bytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& table : tables_) {
    for (const auto& [key, value] : table->rows) bytes += key.first.size() + key.second.size() + value.size();
  }
  for (const auto& [position, record] : journal_) bytes += record.account.size() + record.bytes.size();
  return bytes;
}

}  // namespace tally::storage

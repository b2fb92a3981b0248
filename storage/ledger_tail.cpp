#include "storage/ledger_tail.h"

#include "core/codec.h"
#include "core/ledger.h"

namespace tally::storage {

namespace {

// A row is read whole to find one entry.
constexpr std::size_t blocks_per_row_max = 256;

}  // namespace

std::string number_key(std::uint64_t number) {
  std::string key;
  append_be64(key, number);
  return key;
}

LedgerTail::LedgerTail(const Store& store, Writer& writer, const Clock& clock, WriteBehindOptions options)
    : behind_(store, writer, clock, options, {write_rows, nullptr, false}) {}

void LedgerTail::Unwritten::add(LedgerRecord record) {
  ++changes;
  state = std::move(record.state);
  if (!record.entries.empty()) {
    if (entries.empty()) first_entry = record.first_entry;
    if (entries.empty() || entries.back().blocks >= blocks_per_row_max) entries.emplace_back();
    append_entries(entries.back().bytes, record.entries);
    entries.back().last_entry = record.last_entry;
    ++entries.back().blocks;
  }
  for (auto& [number, row] : record.lots) lots.insert_or_assign(number, std::move(row));
  for (auto& [number, row] : record.holds) holds.insert_or_assign(number, std::move(row));
}

void LedgerTail::Unwritten::append(Unwritten later) {
  through = later.through;
  state = std::move(later.state);
  if (entries.empty()) first_entry = later.first_entry;
  std::move(later.entries.begin(), later.entries.end(), std::back_inserter(entries));
  for (auto& [number, row] : later.lots) lots.insert_or_assign(number, std::move(row));
  for (auto& [number, row] : later.holds) holds.insert_or_assign(number, std::move(row));
  changes += later.changes;
}

void LedgerTail::publish(const AccountId& account, LedgerRecord record, Position position) {
  behind_.publish(account, position, [&](Unwritten& fresh) { fresh.add(std::move(record)); });
}

std::optional<std::string> LedgerTail::hold(const AccountId& account, std::uint64_t number) const {
  return behind_.look(account, [number](const auto* kept) -> std::optional<std::string> {
    if (kept == nullptr) return std::nullopt;
    for (const Unwritten* part : {&kept->fresh, kept->writing.get()}) {
      if (part == nullptr) continue;
      const auto row = part->holds.find(number);
      if (row != part->holds.end()) return row->second;
    }
    return std::nullopt;
  });
}

LedgerTail::Part LedgerTail::part(const AccountId& account) const {
  return behind_.look(account, [](const auto* kept) {
    Part part;
    if (kept == nullptr) return part;
    for (const Unwritten* unwritten : {kept->writing.get(), &kept->fresh}) {
      if (unwritten == nullptr) continue;
      if (part.first_entry == 0) part.first_entry = unwritten->first_entry;
      for (const EntryRow& row : unwritten->entries) part.entries.push_back(row.bytes);
      for (const auto& [number, row] : unwritten->lots) part.lots.insert_or_assign(number, row);
      for (const auto& [number, row] : unwritten->holds) part.holds.insert_or_assign(number, row);
    }
    return part;
  });
}

bool LedgerTail::is_written(const AccountId& account) const {
  return behind_.look(account, [](const auto* kept) { return kept == nullptr; });
}

void LedgerTail::write_rows(AccountTx& tx, const Unwritten& unwritten) {
  tx.put(Table::ledger, "", unwritten.state);
  for (const EntryRow& row : unwritten.entries) tx.put(Table::ledger_entry, number_key(row.last_entry), row.bytes);
  for (const auto& [number, row] : unwritten.lots) tx.put(Table::lot, number_key(number), row);
  for (const auto& [number, row] : unwritten.holds) {
    const auto hold = decode_hold(row);
    if (hold && hold->status == HoldStatus::open) {
      tx.put(Table::open_hold, number_key(number), "");
    } else {
      tx.erase(Table::open_hold, number_key(number));
    }
    tx.put(Table::hold, number_key(number), row);
  }
  tx.put(Table::meter, std::string(ledger_through_key), number_key(unwritten.through));
}

}  // namespace tally::storage

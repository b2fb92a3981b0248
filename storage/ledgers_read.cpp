// Reading what is committed of the accounts' ledgers.
#include "core/codec.h"
#include "storage/ledgers.h"

namespace tally::storage {

namespace {

template <class T>
Result<T> decode_row(const Result<std::optional<std::string>>& row, Result<T> (*decode)(std::string_view),
                     const char* what) {
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, std::string("no such ") + what);
  return decode(**row);
}

}  // namespace

Result<Lot> Ledgers::lot(const AccountId& account, std::uint64_t number) const {
  const auto part = tail_.part(account);
  const auto behind = part.lots.find(number);
  if (behind != part.lots.end()) return decode_lot(behind->second);
  return decode_row(store_.get(Table::lot, account, number_key(number)), decode_lot, "lot");
}

Result<std::vector<Lot>> Ledgers::lots(const AccountId& account, std::uint64_t from, std::size_t limit) const {
  // The tail first: what leaves it meanwhile is in the rows.
  const auto part = tail_.part(account);
  std::map<std::uint64_t, std::string> rows(part.lots.lower_bound(from), part.lots.end());
  auto scanned = store_.scan(Table::lot, account, {number_key(from), {}, false},
                             [&, left = limit](std::string_view key, std::string_view row) mutable {
                               if (left-- == 0 || key.size() != 8) return false;
                               rows.emplace(read_be64(key), row);
                               return true;
                             });
  if (!scanned) return scanned.error();
  std::vector<Lot> lots;
  for (const auto& [number, row] : rows) {
    if (lots.size() == limit) break;
    auto lot = decode_lot(row);
    if (!lot) return lot.error();
    lots.push_back(std::move(*lot));
  }
  return lots;
}

Result<Hold> Ledgers::hold(const AccountId& account, std::uint64_t number) const {
  if (const auto behind = tail_.hold(account, number)) return decode_hold(*behind);
  return decode_row(store_.get(Table::hold, account, number_key(number)), decode_hold, "hold");
}

Result<std::vector<Hold>> Ledgers::open_holds(const AccountId& account, std::uint64_t from, std::size_t limit) const {
  // The tail first: what leaves it meanwhile is in the rows.
  const auto part = tail_.part(account);
  std::map<std::uint64_t, std::string> rows(part.holds.lower_bound(from), part.holds.end());
  std::vector<std::string> keys;
  auto scanned = store_.scan(Table::open_hold, account, {number_key(from), {}, false},
                             [&](std::string_view key, std::string_view) {
                               if (keys.size() == limit || key.size() != 8) return false;
                               if (!part.holds.contains(read_be64(key))) keys.emplace_back(key);
                               return true;
                             });
  if (!scanned) return scanned.error();
  const auto stored = store_.get_many(Table::hold, account, keys);
  if (!stored) return stored.error();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!(*stored)[i]) return fail(Errc::corrupt, "an open hold of " + account.str() + " has no row");
    rows.emplace(read_be64(keys[i]), *(*stored)[i]);
  }
  std::vector<Hold> holds;
  for (const auto& [number, row] : rows) {
    if (holds.size() == limit) break;
    auto hold = decode_hold(row);
    if (!hold) return hold.error();
    if (hold->status == HoldStatus::open) holds.push_back(std::move(*hold));
  }
  return holds;
}

Result<LedgerEntry> Ledgers::entry(const AccountId& account, std::uint64_t seq) const {
  Result<LedgerEntry> found = fail(Errc::not_found, "no such ledger entry");
  auto scanned = scan_entries(account, seq, [&](const LedgerEntry& entry) {
    if (entry.seq == seq) found = entry;
    return false;
  });
  if (!scanned) return scanned.error();
  return found;
}

// A row's key is its last entry's seq, so the first row from `from` on holds `from`. The tail is read first: what
// leaves it meanwhile is in the rows, and what is in both is taken from the tail. Calls visit_row(row, before) for each
// row until it answers false; `before` is the first entry that must be taken from a later row, 0: there is none.
template <class VisitRow>
Result<void> Ledgers::scan_entry_rows(const AccountId& account, std::uint64_t from, const Rows* settled,
                                      VisitRow visit_row) const {
  const auto part = settled ? LedgerTail::Part{} : tail_.part(account);
  const Rows& rows = settled ? *settled : store_;
  bool more = true;
  if (part.first_entry == 0 || from < part.first_entry) {
    const auto visit = [&](std::string_view key, std::string_view row) {
      more = visit_row(row, part.first_entry);
      const bool tail_follows = part.first_entry != 0 && key.size() == 8 && read_be64(key) >= part.first_entry;
      return more && !tail_follows;
    };
    auto scanned = rows.scan(Table::ledger_entry, account, {number_key(from), {}, false}, visit);
    if (!scanned) return scanned;
  }
  for (auto row = part.entries.begin(); more && row != part.entries.end(); ++row) more = visit_row(*row, 0);
  return {};
}

Result<void> Ledgers::scan_entries(const AccountId& account, std::uint64_t from, const EntryVisitor& visit) const {
  Result<void> broken;
  auto scanned = scan_entry_rows(account, from, nullptr, [&](std::string_view row, std::uint64_t before) {
    const auto entries = decode_ledger_entries(row);
    if (!entries) return broken = entries.error(), false;
    for (const LedgerEntry& entry : *entries) {
      if (entry.seq < from) continue;
      if (before != 0 && entry.seq >= before) break;
      if (!visit(entry)) return false;
    }
    return true;
  });
  return scanned ? broken : scanned;
}

Result<void> Ledgers::scan_figures(const AccountId& account, std::uint64_t from, const FiguresVisitor& visit,
                                   const Rows* settled) const {
  Result<void> broken;
  auto scanned = scan_entry_rows(account, from, settled, [&](std::string_view row, std::uint64_t before) {
    EntryFiguresReader reader(row);
    while (const EntryFigures* entry = reader.next()) {
      if (entry->seq < from) continue;
      if (before != 0 && entry->seq >= before) break;
      if (!visit(*entry)) return false;
    }
    if (!reader.ok()) broken = fail(Errc::corrupt, "a row of ledger entries cannot be read");
    return broken.has_value();
  });
  return scanned ? broken : scanned;
}

Result<void> Ledgers::scan_entries_back(const AccountId& account, std::uint64_t before,
                                        const EntryVisitor& visit) const {
  const auto part = tail_.part(account);
  Result<void> broken;
  bool stopped = false;
  const auto visit_row = [&](std::string_view row) {
    const auto entries = decode_ledger_entries(row);
    if (!entries) return broken = entries.error(), false;
    for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
      if (before != 0 && entry->seq >= before) continue;
      if (!visit(*entry)) return stopped = true, false;
    }
    return true;
  };
  for (auto row = part.entries.rbegin(); row != part.entries.rend(); ++row) {
    if (!visit_row(*row)) return broken;
  }
  if (part.first_entry != 0) before = before == 0 ? part.first_entry : std::min(before, part.first_entry);
  ScanRange range;
  range.reverse = true;
  if (before != 0) {
    // The row that holds `before` may hold earlier entries too; its key is not before `before`'s.
    std::string first = number_key(before);
    auto scanned = store_.scan(Table::ledger_entry, account, {first, {}, false},
                               [&](std::string_view, std::string_view row) { return visit_row(row), false; });
    if (!scanned) return scanned;
    if (!broken || stopped) return broken;
    range.to = std::move(first);
  }
  auto scanned = store_.scan(Table::ledger_entry, account, range,
                             [&](std::string_view, std::string_view row) { return visit_row(row); });
  return broken ? scanned : broken;
}

}  // namespace tally::storage

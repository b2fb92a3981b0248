#include "tests/sim/ledger_model.h"

#include "core/codec.h"
#include "core/ledger_audit.h"
#include "storage/digest.h"

namespace tally::sim {

using namespace storage;

std::string LedgerModel::grant_sent(const AccountId& account) {
  std::string description = "grant " + std::to_string(++last_grant_);
  grants_[description].account = account;
  return description;
}

void LedgerModel::grant_answered(const std::string& description, const Result<void>& answer) {
  Sent& sent = grants_.at(description);
  sent.acknowledged = answer.has_value();
  sent.refused = !answer && answer.error().code != Errc::unavailable;
}

void LedgerModel::hold_acknowledged(const AccountId& account, std::uint64_t number, HoldStatus status) {
  const auto [known, is_new] = holds_.try_emplace({account, number}, status);
  if (is_new) return;
  if (known->second != HoldStatus::open && known->second != status)
    verdict_.broken("a hold of " + account.str() + " was resolved in two ways");
  if (status != HoldStatus::open) known->second = status;
}

void LedgerModel::restarted() {
  books_.clear();
  read_to_ = 0;
  entries_ = 0;
}

void LedgerModel::check(const Store& store) {
  read_journal(store);
  for (const auto& [description, sent] : grants_) {
    const auto& grants = books_[sent.account].grants;
    const auto found = grants.find(description);
    const int posted = found == grants.end() ? 0 : found->second;
    if (posted > 1) verdict_.broken(description + " was posted twice");
    if (sent.acknowledged && posted == 0) verdict_.broken(description + " was acknowledged and is lost");
    if (sent.refused && posted > 0) verdict_.broken(description + " was posted, although it was refused");
  }
  for (const auto& [name, status] : holds_) {
    const auto& holds = books_[name.first].holds;
    const auto hold = holds.find(name.second);
    if (hold == holds.end()) return verdict_.broken("a hold of " + name.first.str() + " is lost");
    const bool may_have_ended = status == HoldStatus::open;
    if (!may_have_ended && hold->second.status != status)
      verdict_.broken("a resolved hold of " + name.first.str() + " is " + std::string(to_string(hold->second.status)));
  }
  for (const auto& [account, book] : books_) {
    if (book.debited_events != book.charged_events)
      verdict_.broken(account.str() + " has another number of debits than of charged events");
    check_rows(store, account, book);
  }
}

void LedgerModel::read_journal(const Store& store) {
  const auto read =
      store.read_journal(read_to_ + 1, [&](Position position, std::string_view account, std::string_view bytes) {
        read_to_ = position;
        const AccountId id{std::string(account)};
        if (is_ledger_record(bytes)) {
          const auto record = decode_ledger_record(bytes);
          if (!record) return verdict_.broken("a ledger record cannot be read"), false;
          take(id, position, *record);
        } else if (const auto record = decode_usage_record(bytes)) {
          take(id, *record);
        }
        return !verdict_.what();
      });
  if (!read) verdict_.broken("the journal cannot be read");
}

void LedgerModel::take(const AccountId& account, Position position, const LedgerRecord& record) {
  Book& book = books_[account];
  for (const auto& [number, row] : record.lots) {
    if (!book.lots.emplace(number, decode_lot(row).value()).second)
      verdict_.broken("a lot of " + account.str() + " was granted twice");
  }
  if (!record.entries.empty()) {
    for (const LedgerEntry& entry : decode_ledger_entries(record.entries).value()) take(account, book, entry);
  }
  for (const auto& [number, row] : record.holds) {
    Hold hold = decode_hold(row).value();
    const auto before = book.holds.find(number);
    if (before != book.holds.end() && before->second.status != HoldStatus::open)
      verdict_.broken("a hold of " + account.str() + " was resolved twice");
    book.holds[number] = std::move(hold);
  }
  const LedgerState state = decode_ledger_state(record.state).value();
  Credits reserved;
  for (const auto& [number, hold] : book.holds) {
    if (hold.status == HoldStatus::open) reserved = add(reserved, hold.reserved).value();
  }
  if (state.reserved != reserved) verdict_.broken(account.str() + " reserves something else than its open holds");
  if (state.last_entry != book.entries.size()) verdict_.broken(account.str() + " counts its entries wrongly");
  const Credits balance = book.entries.empty() ? Credits() : book.entries.back().balance_after;
  if (state.balance != balance) verdict_.broken(account.str() + " has another balance than its last entry says");
  book.states[position] = record.state;
}

void LedgerModel::take(const AccountId& account, Book& book, const LedgerEntry& entry) {
  const bool first = book.entries.empty();
  const Digest prev = first ? chain_start(account, sha256) : book.entries.back().hash;
  const Credits before = first ? Credits() : book.entries.back().balance_after;
  if (entry.seq != book.entries.size() + 1) verdict_.broken(account.str() + " has a gap in its ledger");
  if (entry.prev_hash != prev || entry.hash != hash_of(entry, sha256))
    verdict_.broken("the chain of " + account.str() + " is broken");
  if (entry.balance_after != add(before, entry.amount).value())
    verdict_.broken(account.str() + " has an entry with a wrong balance");
  if (entry.type == EntryType::debit && !entry.event_id.empty()) ++book.debited_events;
  if (entry.type == EntryType::grant) ++book.grants[entry.description];
  book.entries.push_back(entry);
  ++entries_;
}

void LedgerModel::take(const AccountId& account, const UsageRecord& record) {
  Book& book = books_[account];
  for (const ChargedEvent& charged : record.events) {
    if (record.reversal || charged.charged == Credits()) continue;
    ++book.charged_events;
    if (charged.entry == 0 || charged.entry > book.entries.size())
      return verdict_.broken("an event of " + account.str() + " was charged and not debited");
    const LedgerEntry& debit = book.entries[charged.entry - 1];
    if (debit.event_id != charged.event.id || debit.event_source != charged.event.source ||
        debit.amount != subtract(Credits(), charged.charged).value())
      verdict_.broken("an event of " + account.str() + " names a debit that is not its own");
  }
}

// The rows are the books as they were at some record.
void LedgerModel::check_rows(const Store& store, const AccountId& account, const Book& book) {
  const auto through = store.get(Table::meter, account, ledger_through_key).value();
  const auto row = store.get(Table::ledger, account, "").value();
  if (through.has_value() != row.has_value()) return verdict_.broken(account.str() + " has half of its ledger's rows");
  std::uint64_t last_entry = 0;
  if (row) {
    const auto state = book.states.find(read_be64(*through));
    if (state == book.states.end() || state->second != *row)
      return verdict_.broken("the ledger's row of " + account.str() + " is of no record");
    last_entry = decode_ledger_state(*row)->last_entry;
  }
  std::uint64_t entries = 0;
  (void)store.scan(Table::ledger_entry, account, {}, [&](std::string_view key, std::string_view bytes) {
    for (const LedgerEntry& entry : decode_ledger_entries(bytes).value()) {
      if (entries >= book.entries.size() || !(book.entries[entries] == entry))
        return verdict_.broken("a stored entry of " + account.str() + " is not the journal's"), false;
      ++entries;
    }
    if (read_be64(key) != entries) verdict_.broken("a row of entries of " + account.str() + " has a wrong key");
    return !verdict_.what();
  });
  if (entries != last_entry) verdict_.broken(account.str() + " has other stored entries than its state says");
}

void LedgerModel::check_quiescent(const Store& store) {
  check(store);
  for (const auto& [account, book] : books_) audit(store, account, book);
}

void LedgerModel::audit(const Store& store, const AccountId& account, const Book& book) {
  if (book.states.empty()) return;
  LedgerAudit audit(account, sha256);
  Result<void> good;
  const auto note = [&](Result<void> result) {
    if (good && !result) good = result;
  };
  (void)store.scan(Table::lot, account, {}, [&](std::string_view, std::string_view row) {
    note(audit.add(decode_lot(row).value()));
    return true;
  });
  for (const LedgerEntry& entry : book.entries) note(audit.add(entry));
  std::size_t holds = 0;
  (void)store.scan(Table::hold, account, {}, [&](std::string_view, std::string_view row) {
    note(audit.add(decode_hold(row).value()));
    ++holds;
    return true;
  });
  if (holds != book.holds.size()) verdict_.broken(account.str() + " has other stored holds than the journal");
  if (book.states.rbegin()->second != store.get(Table::ledger, account, "").value().value_or(""))
    verdict_.broken("the rows of " + account.str() + " are behind for ever");
  note(audit.finish(decode_ledger_state(book.states.rbegin()->second).value()));
  if (!good) verdict_.broken("the ledger of " + account.str() + ": " + good.error().detail);
}

}  // namespace tally::sim

#include "http/ledger_period.h"

#include <future>

#include "http/ledger_views.h"

namespace tally::http {

namespace {

Result<std::uint64_t> entry_at(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                               UtcTime at) {
  if (state.last_entry == 0 || state.last_at < at) return state.last_entry + 1;
  const auto first = ledgers.entry(account, 1);
  if (!first) return first.error();
  if (first->created_at >= at) return std::uint64_t{1};
  return first_entry_at(ledgers, account, state.last_entry, at);
}

template <class Visit>
Result<void> each_entry(const storage::Ledgers& ledgers, const AccountId& account, const EntrySpan& span, Visit visit) {
  if (span.from >= span.to) return {};
  return ledgers.scan_entries(account, span.from, [&](const LedgerEntry& entry) {
    if (entry.seq >= span.to) return false;
    visit(entry);
    return entry.seq + 1 < span.to;
  });
}

// Before the first entry there is no debt, behind the last one the state's.
Result<Credits> debt_before(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                            std::uint64_t seq) {
  const bool from_start = seq - 1 <= state.last_entry + 1 - seq;
  Credits debt = from_start ? Credits() : state.debt();
  const EntrySpan others = from_start ? EntrySpan{1, seq} : EntrySpan{seq, state.last_entry + 1};
  auto read = each_entry(ledgers, account, others, [&](const LedgerEntry& entry) {
    const Credits change = debt_change(entry);
    debt = add_saturating(debt, from_start ? change : Credits::from_micros(-change.micros()));
  });
  if (!read) return read.error();
  return debt;
}

}  // namespace

Result<LedgerState> read_state(storage::Ledgers& ledgers, const AccountId& account) {
  std::promise<Result<LedgerState>> told;
  ledgers.read(account, [&](Result<LedgerState> state) { told.set_value(std::move(state)); });
  return told.get_future().get();
}

Result<EntrySpan> entries_in(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                             const TimeRange& range) {
  const auto from = entry_at(ledgers, account, state, range.from);
  if (!from) return from.error();
  const auto to = *from > state.last_entry ? from : entry_at(ledgers, account, state, range.to);
  if (!to) return to.error();
  return EntrySpan{*from, *to};
}

Result<Credits> balance_before(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                               std::uint64_t seq) {
  if (seq <= 1) return Credits();
  if (seq > state.last_entry) return state.balance;
  const auto entry = ledgers.entry(account, seq - 1);
  if (!entry) return entry.error();
  return entry->balance_after;
}

Result<LedgerFigures> figures_of(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                                 const EntrySpan& span) {
  const auto opening = balance_before(ledgers, account, state, span.from);
  if (!opening) return opening.error();
  const auto debt = debt_before(ledgers, account, state, span.from);
  if (!debt) return debt.error();
  LedgerPeriod period(*opening, *debt);
  auto read = each_entry(ledgers, account, span, [&](const LedgerEntry& entry) { period.add(entry); });
  if (!read) return read.error();
  return period.figures();
}

}  // namespace tally::http

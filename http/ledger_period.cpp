#include "http/ledger_period.h"

#include <future>

#include "http/ledger_views.h"

namespace tally::http {

namespace {

// So short a ledger is added up from its start, which is faster than looking for where a range begins.
constexpr std::uint64_t read_from_start_max = 500;

Result<std::uint64_t> entry_at(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                               UtcTime at) {
  if (state.last_entry == 0 || state.last_at < at) return state.last_entry + 1;
  const auto first = ledgers.entry(account, 1);
  if (!first) return first.error();
  if (first->created_at >= at) return std::uint64_t{1};
  return first_entry_at(ledgers, account, state.last_entry, at);
}

// Before the first entry there is no debt, behind the last one the state's.
Result<Credits> debt_before(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                            std::uint64_t seq) {
  const bool from_start = seq - 1 <= state.last_entry + 1 - seq;
  Credits debt = from_start ? Credits() : state.debt();
  const EntrySpan others = from_start ? EntrySpan{1, seq} : EntrySpan{seq, state.last_entry + 1};
  if (others.from >= others.to) return debt;
  auto read = ledgers.scan_figures(account, others.from, [&](const EntryFigures& entry) {
    if (entry.seq >= others.to) return false;
    const Credits change = debt_change(entry);
    debt = add_saturating(debt, from_start ? change : Credits::from_micros(-change.micros()));
    return entry.seq + 1 < others.to;
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

Result<LedgerFigures> figures_in(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                                 const TimeRange& range, const storage::Rows* settled) {
  if (state.last_at < range.from) return LedgerPeriod(state.balance, state.debt()).figures();
  std::uint64_t from = 1;
  LedgerPeriod period{Credits(), Credits()};
  if (state.last_entry > read_from_start_max) {
    const auto first = entry_at(ledgers, account, state, range.from);
    if (!first) return first.error();
    const auto opening = balance_before(ledgers, account, state, *first);
    if (!opening) return opening.error();
    const auto debt = debt_before(ledgers, account, state, *first);
    if (!debt) return debt.error();
    from = *first;
    period = LedgerPeriod(*opening, *debt);
  }
  const auto add = [&](const EntryFigures& entry) {
    if (entry.seq > state.last_entry || entry.created_at >= range.to) return false;
    if (entry.created_at < range.from) {
      period.pass(entry);
    } else {
      period.add(entry);
    }
    return entry.seq < state.last_entry;
  };
  if (auto read = ledgers.scan_figures(account, from, add, settled); !read) return read.error();
  return period.figures();
}

}  // namespace tally::http

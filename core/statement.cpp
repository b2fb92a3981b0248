#include "core/statement.h"

#include <limits>

namespace tally {
namespace {

void accumulate(Credits& sum, Credits amount) noexcept {
  sum = add_saturating(sum, amount);
}

Credits opposite(Credits amount) noexcept {
  const std::int64_t micros = amount.micros();
  return Credits::from_micros(
      micros == std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::max() : -micros);
}

}  // namespace

LedgerFigures& LedgerFigures::operator+=(const LedgerFigures& other) noexcept {
  accumulate(opening, other.opening);
  accumulate(granted, other.granted);
  accumulate(consumed, other.consumed);
  accumulate(expired, other.expired);
  accumulate(adjusted, other.adjusted);
  accumulate(closing, other.closing);
  accumulate(debt, other.debt);
  return *this;
}

Credits debt_change(const EntryFigures& entry) noexcept {
  return add_saturating(entry.in_lots, opposite(entry.amount));
}

LedgerPeriod::LedgerPeriod(Credits opening, Credits debt_before) noexcept {
  figures_.opening = figures_.closing = opening;
  figures_.debt = debt_before;
}

void LedgerPeriod::pass(const EntryFigures& entry) noexcept {
  figures_.opening = figures_.closing = entry.balance_after;
  accumulate(figures_.debt, debt_change(entry));
}

void LedgerPeriod::add(const EntryFigures& entry) noexcept {
  const Credits amount = entry.amount;
  switch (entry.type) {
    case EntryType::grant:
      accumulate(figures_.granted, amount);
      break;
    case EntryType::debit:
    case EntryType::reversal:
      accumulate(figures_.consumed, opposite(amount));
      break;
    case EntryType::expiry:
      accumulate(figures_.expired, opposite(amount));
      break;
    case EntryType::adjustment:
      accumulate(figures_.adjusted, amount);
      break;
  }
  figures_.closing = entry.balance_after;
  accumulate(figures_.debt, debt_change(entry));
}

}  // namespace tally

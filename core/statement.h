// What a period did to an account's credits. Pure, and the one place that says what the words of a statement mean:
//
//   opening   the balance before the period's first entry
//   granted   grants: bought, allocated, rolled over or reloaded
//   consumed  debits less reversals: what usage cost, net of what was given back
//   expired   what left with its lots
//   adjusted  adjustments, signed
//   closing   = opening + granted - consumed - expired + adjusted
//   debt      what of the usage no lot had covered at the period's end
//
// An entry belongs to the period that its created_at lies in: a statement tells what was posted, so it never changes
// once its period is over. Usage belongs to the period in which it happened, so an event that came late is in the
// usage of one period and in what was consumed in another; and an unlimited account's usage is debited in none.
#pragma once

#include "core/entry_figures.h"

namespace tally {

struct LedgerFigures {
  Credits opening;
  Credits granted;
  Credits consumed;
  Credits expired;
  Credits adjusted;
  Credits closing;
  Credits debt;

  // Sums over many accounts saturate at int64's edge.
  LedgerFigures& operator+=(const LedgerFigures& other) noexcept;
  friend bool operator==(const LedgerFigures&, const LedgerFigures&) = default;
};

// What an entry changed the open debt by: the part of its amount that its lots do not tell.
Credits debt_change(const EntryFigures& entry) noexcept;

// `debt_before`: the open debt before the first entry that is added. The entries follow in the order of their numbers.
class LedgerPeriod {
 public:
  LedgerPeriod(Credits opening, Credits debt_before) noexcept;
  // An entry before the period, which opens behind it. None may have been added.
  void pass(const EntryFigures& entry) noexcept;
  void add(const EntryFigures& entry) noexcept;
  const LedgerFigures& figures() const noexcept { return figures_; }

 private:
  LedgerFigures figures_;
};

}  // namespace tally

// What the ledger and its naive double say of the same commands, laid side by side.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ledger.h"
#include "tests/ledger/naive_ledger.h"

namespace tally::naive {

// Everything a store would keep of one account.
struct Stored {
  LedgerState state;
  std::vector<LedgerEntry> entries;
  std::map<std::uint64_t, tally::Lot> lots;
  std::map<std::uint64_t, tally::Hold> holds;

  void take_in(const LedgerChanges& changes);
  // The state as a new process reads it.
  LedgerState reread() const;
};

Terms naive_terms(const LedgerTerms& terms);

// The first difference in words, or nothing. `changes` is what the command before gave, already taken in; the naive
// ledger had `entries_before` and `lots_before` before it.
std::optional<std::string> difference(const Stored& real, const LedgerChanges& changes, const NaiveLedger& naive,
                                      std::size_t entries_before, std::size_t lots_before);

// What core/ledger_audit.h says of all that is stored.
std::optional<std::string> found_by_audit(const Stored& real);

// The invariants that need no second ledger.
std::optional<std::string> broken_invariant(const Stored& real);

}  // namespace tally::naive

// A period of an account's ledger, as it is stored.
#pragma once

#include <cstdint>

#include "core/statement.h"
#include "core/time.h"
#include "storage/ledgers.h"

namespace tally::http {

// Entries by their numbers: from <= seq < to.
struct EntrySpan {
  std::uint64_t from = 1;
  std::uint64_t to = 1;
};

// The state as of all that is due now. Waits for a commit if something is: not for the committer's thread.
Result<LedgerState> read_state(storage::Ledgers& ledgers, const AccountId& account);

// The entries of a range of time, of those that `state` counts.
Result<EntrySpan> entries_in(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                             const TimeRange& range);

// The balance before entry `seq`.
Result<Credits> balance_before(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                               std::uint64_t seq);

// What the entries of a range of time did, of those that `state` counts. `settled`: rows with all that there is
// (storage/settled_rows.h), or null.
Result<LedgerFigures> figures_in(const storage::Ledgers& ledgers, const AccountId& account, const LedgerState& state,
                                 const TimeRange& range, const storage::Rows* settled);

}  // namespace tally::http

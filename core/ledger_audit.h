// Is an account's ledger what its commands must have written? Reads it once, in order, and names the first thing that
// is wrong in it. Knows the entries' sums and shapes, not why a command was given.
//
// What the chain of hashes does not cover (lots, holds, the state) is held against the entries: a lot against the entry
// that opened it, a settled hold against its debit, the state against all of them. When a closed lot expired or what
// its priority was, only its row knows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ledger.h"

namespace tally {

class LedgerAudit {
 public:
  LedgerAudit(const AccountId& account, HashFunction hash);

  // First all lots by number, then all entries by seq, then all holds by number, then the state. Errc::corrupt:
  // `detail` names what is wrong and why ("entry 17: the balance after it is 5, not 4"), `rule` is a stable word for
  // the reason. After the first error every call answers that same one.
  //
  // Rules of entries: sequence_gap, broken_chain, wrong_hash, dated_back, wrong_balance, wrong_amount, unknown_lot,
  // repeated_lot, overpaid_lot, overfull_lot, wrong_lot, not_expired, expired, unpaid, wrong_reversal, wrong_hold; of
  // lots and holds: sequence_gap, wrong_lot, wrong_hold; of the state: wrong_state.
  Result<void> add(const Lot& lot);
  Result<void> add(const LedgerEntry& entry);
  Result<void> add(const Hold& hold);
  Result<void> finish(const LedgerState& state);

  // The seq of the entry that is wrong, if it is an entry.
  std::optional<std::uint64_t> first_wrong_entry() const noexcept { return wrong_entry_; }
  std::uint64_t entries() const noexcept { return charges_.size(); }
  // What debits took for usage events that are not reversed: what an account's rollups come to, unless it was unlimited
  // at times. Errc::invalid_argument beyond int64.
  Result<Credits> charged_for_events() const;

 private:
  __extension__ using Wide = __int128;
  struct AuditedLot {
    Lot lot;
    Credits remaining;
  };
  // What a later row may say of an entry; nothing unless it is a debit.
  struct Charge {
    Credits amount;
    std::uint64_t hold = 0;
    bool of_event = false;
    bool reversed = false;
    bool hold_agrees = false;
  };

  Result<void> check_chain(const LedgerEntry& entry);
  Result<void> check_shape(const LedgerEntry& entry);
  Result<void> check_reversal(const LedgerEntry& entry);
  Result<void> check_opened(const LedgerEntry& entry, const LotShare& share);
  Result<void> apply(const LedgerEntry& entry, const LotShare& share);
  Result<void> check_debt(const LedgerEntry& entry, Credits in_lots_before);
  Result<void> check_open_lots(const LedgerState& state);
  Result<void> wrong(const char* rule, const std::string& what);
  Result<void> wrong(const LedgerEntry& entry, const char* rule, const std::string& why);

  HashFunction hash_;
  std::optional<Error> fault_;
  std::optional<std::uint64_t> wrong_entry_;

  std::vector<AuditedLot> lots_;               // by number
  std::uint64_t opened_ = 0;                   // the first so many of them
  std::map<std::uint64_t, std::size_t> open_;  // with something left: number -> place in lots_
  std::vector<Charge> charges_;                // by seq
  Credits balance_;
  Credits in_lots_;
  Digest last_hash_;
  UtcTime last_at_;
  std::uint64_t last_hold_ = 0;
  Wide reserved_ = 0;
};

}  // namespace tally

// How many entries of which type lie before any place of a ledger, so that pages by offset need not count from the
// start. A ledger is only appended to: what was counted once stays.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/ledger_entry.h"
#include "storage/ledgers.h"

namespace tally::http {

// Thread-safe. An account's entries are read when they are first asked for, so the first call of a long ledger takes a
// second per million; call it off the I/O thread. Costs 40 bytes of memory per 1,024 entries, of at most
// `accounts_max`.
class LedgerCounts {
 public:
  explicit LedgerCounts(const storage::Ledgers& ledgers, std::size_t accounts_max = 1'000)
      : ledgers_(ledgers), accounts_max_(accounts_max) {}

  // The number of entries of these types with a seq of at most `through`, which must be committed.
  Result<std::uint64_t> count(const AccountId& account, const std::vector<EntryType>& types, std::uint64_t through);
  // The seq from which on entries are to be read to find the one that comes after `before` of its types; there are no
  // `before` + 1 of them earlier. `skip` gets how many of those to pass over.
  Result<std::uint64_t> seek(const AccountId& account, const std::vector<EntryType>& types, std::uint64_t before,
                             std::uint64_t last, std::uint64_t& skip);

 private:
  using Totals = std::array<std::uint64_t, 5>;  // by EntryType, of all entries up to a mark
  struct Marks {
    std::mutex mutex;
    std::vector<Totals> totals;  // after each 1,024 entries
  };
  std::shared_ptr<Marks> marks_of(const AccountId& account);
  Result<void> count_on(const AccountId& account, Marks& marks, std::uint64_t through) const;

  const storage::Ledgers& ledgers_;
  const std::size_t accounts_max_;
  std::mutex mutex_;
  std::unordered_map<AccountId, std::shared_ptr<Marks>> accounts_;
};

}  // namespace tally::http

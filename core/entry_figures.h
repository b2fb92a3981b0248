// What a ledger entry did to its account's credits, without what it tells about the reasons: enough to add up a period,
// and read from stored bytes at a fraction of a whole entry's cost.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/codec.h"
#include "core/ledger_entry.h"

namespace tally {

struct EntryFigures {
  std::uint64_t seq = 0;
  EntryType type = EntryType::grant;
  Credits amount;
  Credits balance_after;
  UtcTime created_at;
  Credits in_lots;  // the sum of its lots' shares; saturates at int64's edge
  friend bool operator==(const EntryFigures&, const EntryFigures&) = default;
};
EntryFigures figures_of(const LedgerEntry& entry) noexcept;

// Goes through the bytes of stored entries without building them.
class EntryFiguresReader {
 public:
  explicit EntryFiguresReader(std::string_view bytes);
  // The next entry's, valid until the next call; null: there are no more, or the bytes are no entries.
  const EntryFigures* next();
  // False: next() met bytes that are no entries.
  bool ok() const noexcept { return in_.ok(); }

 private:
  void begin_block();

  Decoder in_;
  EntryFigures figures_;
  std::uint64_t left_ = 0;  // of the block
  bool first_ = true;
};

}  // namespace tally

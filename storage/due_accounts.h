// When something is next due for each account, for millions of them: what only time changes has to be found without
// reading every ledger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/time.h"

namespace tally::storage {

// Memory: 30 to 60 bytes and the id for each account that ever had something due; nothing is given back, as accounts
// stay. Not thread-safe.
class DueAccounts {
 public:
  // In place of what it had; none: nothing is due any more.
  void set(const AccountId& account, std::optional<UtcTime> due_at);
  std::optional<UtcTime> due_at(const AccountId& account) const;
  // Those with something due at `now`, in the order of their times; at most `limit`.
  std::vector<AccountId> due(UtcTime now, std::size_t limit) const;

 private:
  static constexpr std::uint32_t nowhere = 0xffff'ffff;
  struct Entry {
    std::int64_t due_ms;
    std::uint32_t name;   // where its id begins in text_
    std::uint32_t place;  // in heap_, or nowhere
  };

  std::size_t slot_of(std::string_view id) const;
  void grow();
  void put(std::size_t place, std::uint32_t entry);
  void sift_up(std::size_t place);
  void sift_down(std::size_t place);
  bool earlier(std::uint32_t a, std::uint32_t b) const { return entries_[a].due_ms < entries_[b].due_ms; }
  const char* id_of(std::uint32_t entry) const { return text_.c_str() + entries_[entry].name; }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> heap_;   // entries with a time, the earliest first: a binary heap
  std::vector<std::uint32_t> slots_;  // open addressing by id: an entry's number plus 1; 0: free
  std::string text_;                  // ids, each ended by a zero byte
};

}  // namespace tally::storage

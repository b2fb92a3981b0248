// Decoded rows that were asked for lately, at most so many: in front of a store whose rows are changed by commits.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/result.h"

namespace tally::storage {

// `Row` has its `Id` as `id`. Sets of a few rows each, in which the one asked for longest ago gives way. A set's memory
// comes with its first row. Thread-safe.
template <class Id, class Row>
class RecentRows {
 public:
  using Ptr = std::shared_ptr<const Row>;

  explicit RecentRows(std::size_t rows_max)
      : sets_(std::max<std::size_t>(1, rows_max / set_rows)), rows_per_set_(rows_max / sets_.size()) {}

  // The row from memory, or else what `read` answers as a Result<Ptr> from the store, outside of any lock. An error and
  // null (there is none) are handed on and not kept.
  template <class Read>
  Result<Ptr> get(const Id& id, const Read& read) {
    const std::size_t hash = std::hash<Id>{}(id);
    const std::size_t number = hash % sets_.size();
    Set& set = sets_[number];
    Stripe& stripe = stripes_[number % stripes_.size()];
    std::uint64_t changes_before = 0;
    {
      const std::lock_guard lock(stripe.mutex);
      if (const Ptr* known = find(set, hash, id)) return *known;
      changes_before = stripe.changes;
    }
    Result<Ptr> row = read();
    if (!row || !*row) return row;
    const std::lock_guard lock(stripe.mutex);
    // A change that was committed meanwhile may be newer than what was read.
    if (stripe.changes == changes_before && !find(set, hash, id)) keep(set, hash, *row);
    return row;
  }

  // After every commit that changes the row: from here on nobody is answered what was before. Because the next `get`
  // reads what is committed, two changes of one commit are not seen one after the other in part only.
  void changed(const Id& id) {
    const std::size_t hash = std::hash<Id>{}(id);
    const std::size_t number = hash % sets_.size();
    Set& set = sets_[number];
    Stripe& stripe = stripes_[number % stripes_.size()];
    const std::lock_guard lock(stripe.mutex);
    ++stripe.changes;
    std::erase_if(set, [&](const Kept& kept) { return kept.hash == hash && kept.row->id == id; });
  }

 private:
  static constexpr std::size_t set_rows = 8;
  struct Kept {
    std::size_t hash;
    Ptr row;
  };
  using Set = std::vector<Kept>;  // the latest used first
  struct alignas(64) Stripe {
    std::mutex mutex;
    std::uint64_t changes = 0;
  };

  static const Ptr* find(Set& set, std::size_t hash, const Id& id) {
    for (auto kept = set.begin(); kept != set.end(); ++kept) {
      if (kept->hash != hash || kept->row->id != id) continue;
      if (kept != set.begin()) std::rotate(set.begin(), kept, kept + 1);
      return &set.front().row;
    }
    return nullptr;
  }
  void keep(Set& set, std::size_t hash, const Ptr& row) {
    if (rows_per_set_ == 0) return;
    if (set.size() == rows_per_set_) set.pop_back();
    if (set.empty()) set.reserve(rows_per_set_);
    set.insert(set.begin(), Kept{hash, row});
  }

  std::vector<Set> sets_;
  const std::size_t rows_per_set_;
  std::array<Stripe, 64> stripes_;
};

}  // namespace tally::storage

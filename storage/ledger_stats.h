// What the ledgers did since the start, over all accounts, counted as it is decided.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "core/ledger.h"

namespace tally::storage {

// Thread-safe.
class LedgerStats {
 public:
  // In the order of their names in ledger_stats.cpp.
  enum class Kind : std::uint8_t { granted, debited, expired, reversed, adjusted_up, adjusted_down };
  static constexpr std::size_t kinds = 6;
  static const char* name_of(Kind kind) noexcept;

  void count(const LedgerChanges& changes) noexcept;
  // A hold as it was found at a start, which is nothing that was done since.
  void replayed(bool was_open, bool is_open) noexcept;

  std::uint64_t credits_micros(Kind kind) const noexcept { return micros_[static_cast<std::size_t>(kind)]; }
  std::uint64_t entries(Kind kind) const noexcept { return entries_[static_cast<std::size_t>(kind)]; }
  // How many holds were opened (HoldStatus::open) or ended so.
  std::uint64_t holds(HoldStatus status) const noexcept { return holds_[static_cast<std::size_t>(status)]; }
  std::int64_t open_holds() const noexcept { return open_; }

 private:
  std::array<std::atomic<std::uint64_t>, kinds> micros_{};
  std::array<std::atomic<std::uint64_t>, kinds> entries_{};
  std::array<std::atomic<std::uint64_t>, 5> holds_{};
  std::atomic<std::int64_t> open_{0};
};

}  // namespace tally::storage

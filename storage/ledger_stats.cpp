#include "storage/ledger_stats.h"

namespace tally::storage {
namespace {

LedgerStats::Kind kind_of_entry(const LedgerEntry& entry) noexcept {
  switch (entry.type) {
    case EntryType::grant:
      return LedgerStats::Kind::granted;
    case EntryType::debit:
      return LedgerStats::Kind::debited;
    case EntryType::expiry:
      return LedgerStats::Kind::expired;
    case EntryType::reversal:
      return LedgerStats::Kind::reversed;
    case EntryType::adjustment:
      break;
  }
  return entry.amount.micros() < 0 ? LedgerStats::Kind::adjusted_down : LedgerStats::Kind::adjusted_up;
}

std::uint64_t magnitude(Credits amount) noexcept {
  const auto micros = static_cast<std::uint64_t>(amount.micros());
  return amount.micros() < 0 ? 0 - micros : micros;
}

}  // namespace

const char* LedgerStats::name_of(Kind kind) noexcept {
  static constexpr const char* names[] = {"granted", "debited", "expired", "reversed", "adjusted_up", "adjusted_down"};
  return names[static_cast<std::size_t>(kind)];
}

void LedgerStats::count(const LedgerChanges& changes) noexcept {
  for (const LedgerEntry& entry : changes.entries) {
    const auto kind = static_cast<std::size_t>(kind_of_entry(entry));
    micros_[kind].fetch_add(magnitude(entry.amount), std::memory_order_relaxed);
    entries_[kind].fetch_add(1, std::memory_order_relaxed);
  }
  for (const Hold& hold : changes.holds) {
    holds_[static_cast<std::size_t>(hold.status)].fetch_add(1, std::memory_order_relaxed);
    open_.fetch_add(hold.status == HoldStatus::open ? 1 : -1, std::memory_order_relaxed);
  }
}

void LedgerStats::replayed(bool was_open, bool is_open) noexcept {
  open_.fetch_add(static_cast<int>(is_open) - static_cast<int>(was_open), std::memory_order_relaxed);
}

}  // namespace tally::storage

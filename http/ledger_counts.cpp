#include "http/ledger_counts.h"

#include <algorithm>
#include <numeric>

namespace tally::http {
namespace {

constexpr std::uint64_t entries_per_mark = 1'024;

std::size_t place_of(EntryType type) {
  return static_cast<std::size_t>(type) - 1;
}

bool is_among(EntryType type, const std::vector<EntryType>& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

template <class Totals>
std::uint64_t sum(const Totals& totals, const std::vector<EntryType>& types) {
  return std::accumulate(types.begin(), types.end(), std::uint64_t{0},
                         [&](std::uint64_t all, EntryType type) { return all + totals[place_of(type)]; });
}

}  // namespace

std::shared_ptr<LedgerCounts::Marks> LedgerCounts::marks_of(const AccountId& account) {
  const std::lock_guard lock(mutex_);
  if (accounts_.size() >= accounts_max_ && !accounts_.contains(account)) accounts_.clear();
  auto& marks = accounts_[account];
  if (!marks) marks = std::make_shared<Marks>();
  return marks;
}

// Sets the marks up to `through`.
Result<void> LedgerCounts::count_on(const AccountId& account, Marks& marks, std::uint64_t through) const {
  const std::uint64_t wanted = through / entries_per_mark;
  if (marks.totals.size() >= wanted) return {};
  Totals totals = marks.totals.empty() ? Totals{} : marks.totals.back();
  return ledgers_.scan_entries(account, marks.totals.size() * entries_per_mark + 1, [&](const LedgerEntry& entry) {
    ++totals[place_of(entry.type)];
    if (entry.seq % entries_per_mark == 0) marks.totals.push_back(totals);
    return marks.totals.size() < wanted;
  });
}

Result<std::uint64_t> LedgerCounts::count(const AccountId& account, const std::vector<EntryType>& types,
                                          std::uint64_t through) {
  const auto marks = marks_of(account);
  const std::lock_guard lock(marks->mutex);
  if (auto counted = count_on(account, *marks, through); !counted) return counted.error();
  const std::uint64_t mark = std::min<std::uint64_t>(through / entries_per_mark, marks->totals.size());
  std::uint64_t found = mark == 0 ? 0 : sum(marks->totals[mark - 1], types);
  const std::uint64_t from = mark * entries_per_mark + 1;
  if (from > through) return found;
  const auto scanned = ledgers_.scan_entries(account, from, [&](const LedgerEntry& entry) {
    if (entry.seq > through) return false;
    if (is_among(entry.type, types)) ++found;
    return entry.seq < through;
  });
  if (!scanned) return scanned.error();
  return found;
}

Result<std::uint64_t> LedgerCounts::seek(const AccountId& account, const std::vector<EntryType>& types,
                                         std::uint64_t before, std::uint64_t last, std::uint64_t& skip) {
  const auto marks = marks_of(account);
  const std::lock_guard lock(marks->mutex);
  if (auto counted = count_on(account, *marks, last); !counted) return counted.error();
  // The last mark with no more than `before` of them up to it.
  const auto past = std::partition_point(marks->totals.begin(), marks->totals.end(),
                                         [&](const Totals& totals) { return sum(totals, types) <= before; });
  skip = past == marks->totals.begin() ? before : before - sum(*(past - 1), types);
  return static_cast<std::uint64_t>(past - marks->totals.begin()) * entries_per_mark + 1;
}

}  // namespace tally::http

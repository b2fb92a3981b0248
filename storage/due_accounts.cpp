#include "storage/due_accounts.h"

#include <cassert>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

namespace tally::storage {

void DueAccounts::set(const AccountId& account, std::optional<UtcTime> due_at) {
  if (entries_.size() >= slots_.size() / 4 * 3) grow();
  std::uint32_t& slot = slots_[slot_of(account.str())];
  if (slot == 0) {
    if (!due_at) return;
    assert(text_.size() < std::numeric_limits<std::uint32_t>::max() && entries_.size() < nowhere - 1);
    entries_.push_back({0, static_cast<std::uint32_t>(text_.size()), nowhere});
    text_.append(account.str()).push_back('\0');
    slot = static_cast<std::uint32_t>(entries_.size());
  }
  const std::uint32_t number = slot - 1;
  Entry& entry = entries_[number];
  if (due_at) {
    entry.due_ms = due_at->ms();
    if (entry.place == nowhere) {
      heap_.push_back(number);
      entry.place = static_cast<std::uint32_t>(heap_.size() - 1);
    }
    sift_up(entry.place);
    sift_down(entry.place);
  } else if (entry.place != nowhere) {
    const std::uint32_t place = std::exchange(entry.place, nowhere);
    const std::uint32_t last = heap_.back();
    heap_.pop_back();
    if (last == number) return;
    put(place, last);
    sift_up(place);
    sift_down(entries_[last].place);
  }
}

std::optional<UtcTime> DueAccounts::due_at(const AccountId& account) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t slot = slots_[slot_of(account.str())];
  if (slot == 0 || entries_[slot - 1].place == nowhere) return std::nullopt;
  return UtcTime::from_ms(entries_[slot - 1].due_ms);
}

std::vector<AccountId> DueAccounts::due(UtcTime now, std::size_t limit) const {
  std::vector<AccountId> found;
  // Whoever is not yet due has nobody below who is.
  const auto later = [this](std::size_t a, std::size_t b) { return earlier(heap_[b], heap_[a]); };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> next(later);
  const auto look_at = [&](std::size_t place) {
    if (place < heap_.size() && entries_[heap_[place]].due_ms <= now.ms()) next.push(place);
  };
  look_at(0);
  while (!next.empty() && found.size() < limit) {
    const std::size_t place = next.top();
    next.pop();
    found.emplace_back(std::string(id_of(heap_[place])));
    look_at(2 * place + 1);
    look_at(2 * place + 2);
  }
  return found;
}

// The slot that has the id, or the free one where it belongs.
std::size_t DueAccounts::slot_of(std::string_view id) const {
  std::size_t slot = std::hash<std::string_view>{}(id) % slots_.size();
  while (slots_[slot] != 0 && id != id_of(slots_[slot] - 1)) slot = (slot + 1) % slots_.size();
  return slot;
}

void DueAccounts::grow() {
  slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, 0);
  for (std::uint32_t number = 0; number < entries_.size(); ++number) slots_[slot_of(id_of(number))] = number + 1;
}

void DueAccounts::put(std::size_t place, std::uint32_t entry) {
  heap_[place] = entry;
  entries_[entry].place = static_cast<std::uint32_t>(place);
}

void DueAccounts::sift_up(std::size_t place) {
  const std::uint32_t entry = heap_[place];
  while (place > 0 && earlier(entry, heap_[(place - 1) / 2])) {
    put(place, heap_[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  put(place, entry);
}

void DueAccounts::sift_down(std::size_t place) {
  const std::uint32_t entry = heap_[place];
  while (true) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && earlier(heap_[child + 1], heap_[child])) ++child;
    if (!earlier(heap_[child], entry)) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, entry);
}

}  // namespace tally::storage

// The latest used entries of a map, as many as fit in a number of bytes.
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tally::http {

// Not thread-safe.
template <typename Value>
class RecentlyUsed {
 public:
  explicit RecentlyUsed(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Null: not here. The pointer holds until the next put or drop.
  Value* find(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->value;
  }

  // Takes the place of what the key had. `bytes` is what the entry counts for, its key included if that matters.
  void put(std::string key, Value value, std::size_t bytes) {
    drop(key);
    entries_.push_front({std::move(key), std::move(value), bytes});
    by_key_.emplace(entries_.front().key, entries_.begin());
    bytes_ += bytes;
    while (bytes_ > bytes_max_) erase(std::prev(entries_.end()));
  }

  void drop(std::string_view key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;

  void erase(typename Entries::iterator entry) {
    bytes_ -= entry->bytes;
    by_key_.erase(entry->key);
    entries_.erase(entry);
  }

  const std::size_t bytes_max_;
  Entries entries_;                                                          // the latest used first
  std::unordered_map<std::string_view, typename Entries::iterator> by_key_;  // views into the entries' keys
  std::size_t bytes_ = 0;
};

}  // namespace tally::http

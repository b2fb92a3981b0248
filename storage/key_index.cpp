#include "storage/key_index.h"

#include <cassert>
#include <limits>
#include <string_view>
#include <utility>

namespace tally::storage {

void KeyIndex::add(std::uint64_t hash, const AccountId& account) {
  if (text_.empty() || std::string_view(text_.c_str() + last_name_) != account.str()) {
    assert(text_.size() + account.str().size() < std::numeric_limits<std::uint32_t>::max());
    last_name_ = text_.size();
    text_.append(account.str()).push_back('\0');
  }
  if (used_ >= hashes_.size() / 4 * 3) grow();
  place(hash, static_cast<std::uint32_t>(last_name_ + 1));
  ++used_;
}

std::vector<AccountId> KeyIndex::accounts(std::uint64_t hash) const {
  std::vector<AccountId> found;
  if (hashes_.empty()) return found;
  for (std::size_t at = hash % hashes_.size(); names_[at] != 0; at = (at + 1) % hashes_.size()) {
    if (hashes_[at] == hash) found.emplace_back(std::string(text_.c_str() + names_[at] - 1));
  }
  return found;
}

void KeyIndex::place(std::uint64_t hash, std::uint32_t name) {
  std::size_t at = hash % hashes_.size();
  while (names_[at] != 0) at = (at + 1) % hashes_.size();
  hashes_[at] = hash;
  names_[at] = name;
}

void KeyIndex::grow() {
  const std::size_t size = hashes_.empty() ? 64 : hashes_.size() * 2;
  const auto hashes = std::exchange(hashes_, std::vector<std::uint64_t>(size));
  const auto names = std::exchange(names_, std::vector<std::uint32_t>(size));
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (names[at] != 0) place(hashes[at], names[at]);
  }
}

}  // namespace tally::storage

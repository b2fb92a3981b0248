#include "tools/tally/line_ids.h"

#include <sodium.h>

#include <array>
#include <cstring>

namespace tally::tools {

LineIds::LineIds() : slots_(1U << 12U) {}

std::string LineIds::next(std::string_view line) {
  std::array<unsigned char, 16> digest{};
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(line.data()), line.size(),
                     nullptr, 0);
  std::string id;
  id.reserve(40);
  for (const unsigned char byte : digest) {
    id.push_back("0123456789abcdef"[byte >> 4U]);
    id.push_back("0123456789abcdef"[byte & 15U]);
  }
  std::uint64_t key = 0;
  std::memcpy(&key, digest.data(), sizeof key);
  if (key == 0) key = 1;
  if (!insert(key)) {
    std::uint64_t& count = repeats_.try_emplace(key, 1).first->second;
    id += "-" + std::to_string(++count);
  }
  return id;
}

bool LineIds::insert(std::uint64_t key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key & mask;
  while (slots_[at] != 0) {
    if (slots_[at] == key) return false;
    at = (at + 1) & mask;
  }
  slots_[at] = key;
  if (++used_ * 4 > slots_.size() * 3) grow();
  return true;
}

void LineIds::grow() {
  std::vector<std::uint64_t> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const std::uint64_t key : old) {
    if (key == 0) continue;
    std::size_t at = key & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = key;
  }
}

}  // namespace tally::tools

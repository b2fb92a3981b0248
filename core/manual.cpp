#include "core/manual.h"

#include <algorithm>

namespace tally {

void SeededRandom::fill(std::span<unsigned char> bytes) {
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    const std::size_t size = std::min(bytes.size(), sizeof z);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(z >> (8 * i));
    bytes = bytes.subspan(size);
  }
}

}  // namespace tally

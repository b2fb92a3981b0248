#include "core/clock.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace tally {

std::uint64_t Random::next() {
  std::array<unsigned char, sizeof(std::uint64_t)> bytes;
  fill(bytes);
  std::uint64_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
  assert(bound > 0);
  // The lowest 2^64 mod bound draws are thrown away, or small results would come up more often.
  const std::uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t draw = next();
    if (draw >= threshold) return draw % bound;
  }
}

std::string Random::hex(std::size_t bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes);
  std::array<unsigned char, 64> chunk;
  while (bytes > 0) {
    const std::size_t size = std::min(bytes, chunk.size());
    fill(std::span(chunk).first(size));
    for (std::size_t i = 0; i < size; ++i) {
      text.push_back(digits[chunk[i] >> 4]);
      text.push_back(digits[chunk[i] & 15]);
    }
    bytes -= size;
  }
  return text;
}

}  // namespace tally

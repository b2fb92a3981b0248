// What identifies a usage event: a keyed 128-bit hash of account, source and id.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace tally::storage {

using Fingerprint = std::array<std::uint64_t, 2>;

// SipHash-2-4 with 128 bits of output: with a secret key nobody can make two ids collide on purpose, and by chance a
// store of 10^12 events has a collision with probability 10^-15.
class Fingerprinter {
 public:
  static constexpr std::size_t key_bytes = 16;
  // `key` is a store's own, made once (make_key) and kept with it: another key makes every old event look new.
  explicit Fingerprinter(std::string_view key);
  static std::string make_key(Random& random);
  Fingerprint of(std::string_view account, std::string_view source, std::string_view id) const;

 private:
  std::array<unsigned char, key_bytes> key_;
};

std::string to_bytes(const Fingerprint& fingerprint);

}  // namespace tally::storage

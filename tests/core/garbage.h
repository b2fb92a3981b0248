// Bytes that no encoder wrote, for the readers of stored rows.
#pragma once

#include <string>

#include "core/clock.h"

namespace tally {

// Calls `decode` with every prefix of `good` (none of them whole), with single bytes changed, and with noise. The
// decoder may refuse or accept changed bytes and noise; it must survive them. Prefixes must be refused.
template <class Decode>
bool refuses_prefixes_and_survives_noise(const std::string& good, Random& random, Decode decode) {
  for (std::size_t size = 0; size < good.size(); ++size) {
    if (decode(good.substr(0, size))) return false;
  }
  if (decode(good + '\0')) return false;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff, 0x40}) {
      std::string changed = good;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      (void)decode(changed);
    }
  }
  for (int round = 0; round < 300; ++round) {
    std::string noise(random.below(200), '\0');
    for (char& c : noise) c = static_cast<char>(random.below(256));
    if (!noise.empty() && random.below(2) == 0) noise[0] = good[0];  // past the version byte
    (void)decode(noise);
  }
  return true;
}

}  // namespace tally

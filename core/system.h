// The one file that asks the machine for the time and for randomness. Only main programs and benches name it.
#pragma once

#include "core/clock.h"

namespace tally {

class SystemClock final : public Clock {
 public:
  UtcTime now() const override;
  MonoTime mono() const override;
};

// The kernel's random source (getrandom), through a small buffer per thread.
class SystemRandom final : public Random {
 public:
  void fill(std::span<unsigned char> bytes) override;
};

}  // namespace tally

// Time and chance are passed in: everything outside core takes these as constructor arguments.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/time.h"

namespace tally {

// For timeouts and durations only; never stored, never shown, not convertible to UtcTime.
struct MonoTime {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(MonoTime, MonoTime) noexcept = default;
};

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UtcTime now() const = 0;
  virtual MonoTime mono() const = 0;
};

// Thread-safe. Implementations for production draw from the system's cryptographic source.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<unsigned char> bytes) = 0;

  std::uint64_t next();                      // 64 random bits
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound > 0
  std::string hex(std::size_t bytes);        // 2 * bytes lower-case hex digits
};

}  // namespace tally

// A clock that a test or the simulation moves by hand, and dice that repeat from a seed.
#pragma once

#include <atomic>
#include <mutex>

#include "core/clock.h"

namespace tally {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(UtcTime start = UtcTime::from_ms(1'770'000'000'000)) : ms_(start.ms()) {}
  UtcTime now() const override { return UtcTime::from_ms(ms_.load()); }
  MonoTime mono() const override { return MonoTime{ms_.load() * 1'000'000}; }
  void advance_ms(std::int64_t ms) { ms_ += ms; }
  void set(UtcTime t) { ms_ = t.ms(); }

 private:
  std::atomic<std::int64_t> ms_;
};

// splitmix64; equal seeds give equal sequences. Not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<unsigned char> bytes) override;

 private:
  std::mutex mutex_;
  std::uint64_t state_;
};

}  // namespace tally

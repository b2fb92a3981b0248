// How many values were how large, counted without a lock.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <span>
#include <vector>

namespace tally {

// Thread-safe. An observation costs two relaxed additions; a snapshot taken meanwhile may have half of one.
class Histogram {
 public:
  static constexpr std::size_t bounds_max = 20;

  // `bounds` ascend, are at most bounds_max, and must outlive it. A value belongs to the first that is not below it.
  explicit Histogram(std::span<const std::int64_t> bounds) : bounds_(bounds) {
    assert(bounds.size() <= bounds_max && std::ranges::is_sorted(bounds));
  }

  void observe(std::int64_t value) noexcept {
    const auto place = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
    counts_[place].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  struct Snapshot {
    std::span<const std::int64_t> bounds;
    std::vector<std::uint64_t> counts;  // one for each bound, and one for what lies beyond
    std::uint64_t count = 0;            // the sum of `counts`
    std::int64_t sum = 0;               // of the values
  };
  Snapshot snapshot() const {
    Snapshot taken{bounds_, {}, 0, sum_.load(std::memory_order_relaxed)};
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
      taken.counts.push_back(counts_[i].load(std::memory_order_relaxed));
      taken.count += taken.counts.back();
    }
    return taken;
  }

 private:
  std::span<const std::int64_t> bounds_;
  std::array<std::atomic<std::uint64_t>, bounds_max + 1> counts_{};
  std::atomic<std::int64_t> sum_{0};
};

}  // namespace tally

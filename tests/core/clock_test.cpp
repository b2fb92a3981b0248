#include "core/clock.h"

#include <doctest/doctest.h>

#include <array>

#include "core/manual.h"

namespace clock_test {

using namespace tally;

namespace {

// Gives the bytes of the numbers that the test lines up.
class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::vector<std::uint64_t> draws) : draws_(std::move(draws)) {}
  void fill(std::span<unsigned char> bytes) override {
    REQUIRE(bytes.size() == 8);
    REQUIRE(next_ < draws_.size());
    const std::uint64_t v = draws_[next_++];
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(v >> (8 * i));
  }
  std::size_t drawn() const { return next_; }

 private:
  std::vector<std::uint64_t> draws_;
  std::size_t next_ = 0;
};

}  // namespace

TEST_CASE("random: below stays under its bound and reaches every value") {
  SeededRandom random(1);
  for (const std::uint64_t bound : {1ull, 2ull, 3ull, 7ull, 10ull}) {
    std::array<int, 10> seen{};
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t v = random.below(bound);
      REQUIRE(v < bound);
      ++seen[v];
    }
    for (std::uint64_t v = 0; v < bound; ++v) CHECK(seen[v] > 2000 / static_cast<int>(bound) / 2);
  }
  for (int i = 0; i < 100; ++i) CHECK(random.below(~0ull) < ~0ull);
}

TEST_CASE("random: below throws away the draws that would favour small values") {
  // 2^64 mod 3 == 1, so the draw 0 is one too many.
  ScriptedRandom random({0, 7});
  CHECK(random.below(3) == 1);
  CHECK(random.drawn() == 2);
}

TEST_CASE("random: hex gives two lower-case digits a byte, whatever the length") {
  SeededRandom random(2);
  for (const std::size_t bytes : {0u, 1u, 16u, 63u, 64u, 65u, 200u}) {
    const std::string text = random.hex(bytes);
    CHECK(text.size() == 2 * bytes);
    CHECK(text.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
  CHECK(random.hex(16) != random.hex(16));
}

}  // namespace clock_test

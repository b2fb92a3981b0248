#include "core/manual.h"

#include <doctest/doctest.h>

#include <array>

namespace manual_test {

using namespace tally;

TEST_CASE("manual clock: both times move by hand and only then") {
  ManualClock clock(UtcTime::from_ms(5000));
  CHECK(clock.now() == UtcTime::from_ms(5000));
  const MonoTime before = clock.mono();
  clock.advance_ms(250);
  CHECK(clock.now() == UtcTime::from_ms(5250));
  CHECK(clock.mono().ns - before.ns == 250'000'000);
  clock.set(UtcTime::from_ms(1));
  CHECK(clock.now().ms() == 1);
}

TEST_CASE("seeded random: equal seeds give equal sequences, other seeds others") {
  SeededRandom a(42);
  SeededRandom b(42);
  SeededRandom c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t v = a.next();
    CHECK(v == b.next());
    differs |= v != c.next();
  }
  CHECK(differs);
}

TEST_CASE("seeded random: the sequence is splitmix64's, so that a printed seed repeats on every machine") {
  SeededRandom random(1234567);
  CHECK(random.next() == 6457827717110365317ull);
  CHECK(random.next() == 3203168211198807973ull);
  CHECK(random.next() == 9817491932198370423ull);
}

TEST_CASE("seeded random: every byte of an odd length is filled") {
  SeededRandom random(3);
  std::array<int, 13> nonzero{};
  for (int round = 0; round < 50; ++round) {
    std::array<unsigned char, 13> bytes{};
    random.fill(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) nonzero[i] += bytes[i] != 0;
  }
  for (const int count : nonzero) CHECK(count > 0);
  random.fill({});
}

}  // namespace manual_test

#include "core/system.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

namespace system_test {

using namespace tally;

TEST_CASE("system clock: time is in this century and the monotonic clock never goes back") {
  const SystemClock clock;
  CHECK(clock.now() > UtcTime::parse("2020-01-01").value());
  CHECK(clock.now() < UtcTime::parse("2100-01-01").value());
  MonoTime last = clock.mono();
  for (int i = 0; i < 1000; ++i) {
    const MonoTime now = clock.mono();
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("system random: no draw repeats, small or large, on any thread") {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(random.hex(16));
  std::string other;
  std::thread([&] { other = random.hex(16); }).join();
  seen.insert(other);
  CHECK(seen.size() == 2001);
}

TEST_CASE("system random: fills any length whole") {
  SystemRandom random;
  for (const std::size_t size : {0u, 1u, 7u, 63u, 64u, 65u, 255u, 256u, 257u, 5000u}) {
    std::vector<unsigned char> ever(size, 0);
    for (int round = 0; round < 20; ++round) {
      std::vector<unsigned char> bytes(size, 0);
      random.fill(bytes);
      for (std::size_t i = 0; i < size; ++i) ever[i] |= bytes[i];
    }
    CHECK(std::none_of(ever.begin(), ever.end(), [](unsigned char byte) { return byte == 0; }));
  }
}

}  // namespace system_test

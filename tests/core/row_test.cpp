#include "core/row.h"

#include <doctest/doctest.h>

namespace row_test {

using namespace tally;

namespace {

enum class Colour : std::uint8_t { red = 1, green, blue };

template <class Write, class Read>
auto through_bytes(Write write, Read read) {
  std::string bytes;
  Encoder out(bytes);
  write(out);
  Decoder in(bytes);
  auto value = read(in);
  return std::pair(value, in.done());
}

}  // namespace

TEST_CASE("row: a time outside 1970 to 9999 fails the row") {
  const auto trip = [](std::int64_t ms) {
    return through_bytes([&](Encoder& out) { write_time(out, UtcTime::from_ms(ms)); }, read_time);
  };
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{1'770'000'000'123}, utc_time_max.ms()}) {
    CHECK(trip(ms) == std::pair(UtcTime::from_ms(ms), true));
  }
  for (const std::int64_t ms : {std::int64_t{-1}, utc_time_max.ms() + 1, std::numeric_limits<std::int64_t>::max(),
                                std::numeric_limits<std::int64_t>::min()}) {
    CHECK(trip(ms) == std::pair(UtcTime(), false));
  }
}

TEST_CASE("row: an enum's number outside its members fails the row") {
  const auto trip = [](std::uint8_t v) {
    return through_bytes([&](Encoder& out) { out.u8(v); }, [](Decoder& in) { return read_enum(in, Colour::blue); });
  };
  CHECK(trip(1) == std::pair(Colour::red, true));
  CHECK(trip(3) == std::pair(Colour::blue, true));
  CHECK_FALSE(trip(0).second);
  CHECK_FALSE(trip(4).second);
}

TEST_CASE("row: a number too large for its field fails the row") {
  const auto u32 = [](std::uint64_t v) { return through_bytes([&](Encoder& out) { out.u64(v); }, read_u32); };
  CHECK(u32(0xffffffff) == std::pair(0xffffffffu, true));
  CHECK(u32(0x100000000) == std::pair(0u, false));
  const auto number = [](std::int64_t v) { return through_bytes([&](Encoder& out) { out.i64(v); }, read_int); };
  CHECK(number(-5) == std::pair(-5, true));
  CHECK(number(std::int64_t{1} << 31) == std::pair(0, false));
  CHECK(number(-(std::int64_t{1} << 31) - 1) == std::pair(0, false));
}

TEST_CASE("row: an optional value is there or not") {
  const auto trip = [](std::optional<Credits> v) {
    return through_bytes([&](Encoder& out) { write_optional(out, v, write_credits); },
                         [](Decoder& in) { return read_optional(in, read_credits); });
  };
  CHECK(trip(std::nullopt) == std::pair(std::optional<Credits>(), true));
  CHECK(trip(Credits::from_micros(-7)) == std::pair(std::optional(Credits::from_micros(-7)), true));
}

}  // namespace row_test

#include "core/credits.h"

#include <doctest/doctest.h>

#include <limits>

#include "core/manual.h"

namespace credits_test {

using namespace tally;

namespace {

constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t int64_min = std::numeric_limits<std::int64_t>::min();

std::int64_t micros_of(std::string_view text) {
  CAPTURE(text);
  const auto credits = Credits::parse(text);
  REQUIRE(credits);
  return credits->micros();
}

}  // namespace

TEST_CASE("credits: a decimal with up to six digits is read exactly") {
  CHECK(micros_of("142.5") == 142'500'000);
  CHECK(micros_of("0.0001") == 100);
  CHECK(micros_of("-0.0001") == -100);
  CHECK(micros_of("68") == 68'000'000);
  CHECK(micros_of("0") == 0);
  CHECK(micros_of("-0") == 0);
  CHECK(micros_of("-0.000000") == 0);
  CHECK(micros_of("0.000001") == 1);
  CHECK(micros_of("1.100000") == 1'100'000);
  CHECK(micros_of("007.5") == 7'500'000);
  CHECK(micros_of(std::string(500, '0') + "1") == 1'000'000);
}

TEST_CASE("credits: int64's edges are read, one micro further is refused") {
  CHECK(micros_of("9223372036854.775807") == int64_max);
  CHECK(micros_of("-9223372036854.775808") == int64_min);
  for (const char* text : {"9223372036854.775808", "-9223372036854.775809", "9223372036855", "-9223372036855",
                           "99999999999999999999999999", "18446744073709.551616", "184467440737095516160"}) {
    CAPTURE(text);
    const auto credits = Credits::parse(text);
    REQUIRE_FALSE(credits);
    CHECK(credits.error().code == Errc::invalid_argument);
  }
}

TEST_CASE("credits: whatever is no plain decimal is refused") {
  for (const std::string_view text :
       {std::string_view(""),        std::string_view("-"),     std::string_view("."),
        std::string_view("-."),      std::string_view("1."),    std::string_view(".5"),
        std::string_view("+1"),      std::string_view("--1"),   std::string_view("1e3"),
        std::string_view("1E3"),     std::string_view(" 1"),    std::string_view("1 "),
        std::string_view("1,5"),     std::string_view("1.2.3"), std::string_view("0.1234567"),
        std::string_view("0x10"),    std::string_view("NaN"),   std::string_view("inf"),
        std::string_view("1-"),      std::string_view("1.-5"),  std::string_view("1\0", 2),
        std::string_view("\xd9\xa1")}) {
    CAPTURE(text);
    const auto credits = Credits::parse(text);
    REQUIRE_FALSE(credits);
    CHECK(credits.error().code == Errc::invalid_argument);
  }
}

TEST_CASE("credits: shown as the shortest exact decimal") {
  const auto shown = [](std::int64_t micros) { return Credits::from_micros(micros).to_string(); };
  CHECK(shown(142'500'000) == "142.5");
  CHECK(shown(68'000'000) == "68");
  CHECK(shown(-100) == "-0.0001");
  CHECK(shown(0) == "0");
  CHECK(shown(1) == "0.000001");
  CHECK(shown(1'000'000'000'000) == "1000000");
  CHECK(shown(int64_max) == "9223372036854.775807");
  CHECK(shown(int64_min) == "-9223372036854.775808");
}

TEST_CASE("credits: shown and read again is the same amount") {
  SeededRandom random(5);
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t micros = static_cast<std::int64_t>(random.next()) >> random.below(64);
    const Credits credits = Credits::from_micros(micros);
    REQUIRE(micros_of(credits.to_string()) == micros);
  }
}

TEST_CASE("credits: sums, differences and products are exact or refused") {
  const auto c = [](std::int64_t micros) { return Credits::from_micros(micros); };
  CHECK(add(c(int64_max - 1), c(1)).value().micros() == int64_max);
  CHECK(add(c(int64_min), c(int64_max)).value().micros() == -1);
  CHECK_FALSE(add(c(int64_max), c(1)));
  CHECK_FALSE(add(c(int64_min), c(-1)));
  CHECK(subtract(c(int64_min + 1), c(1)).value().micros() == int64_min);
  CHECK(subtract(c(-1), c(int64_max)).value().micros() == int64_min);
  CHECK_FALSE(subtract(c(int64_min), c(1)));
  CHECK_FALSE(subtract(c(0), c(int64_min)));
  CHECK(multiply(c(int64_max), 1).value().micros() == int64_max);
  CHECK(multiply(c(int64_max), -1).value().micros() == -int64_max);
  CHECK(multiply(c(int64_min), 1).value().micros() == int64_min);
  CHECK(multiply(c(int64_max), 0).value().micros() == 0);
  CHECK(multiply(c(-3), 4).value().micros() == -12);
  CHECK_FALSE(multiply(c(int64_min), -1));
  CHECK_FALSE(multiply(c(int64_max), 2));
  CHECK_FALSE(multiply(c(int64_max / 2), 3));
  CHECK_FALSE(multiply(c(1'000'000), int64_max));
  CHECK(multiply(c(1), int64_max).value().micros() == int64_max);
}

TEST_CASE("credits: ordered by amount") {
  CHECK(Credits::from_micros(-1) < Credits());
  CHECK(Credits::from_micros(-1).negative());
  CHECK_FALSE(Credits().negative());
}

}  // namespace credits_test

#include "core/result.h"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>

namespace result_test {

using namespace tally;

namespace {

constexpr Errc all_codes[] = {Errc::invalid_argument, Errc::not_found, Errc::conflict,  Errc::insufficient_credits,
                              Errc::rate_limited,     Errc::too_large, Errc::exhausted, Errc::unavailable,
                              Errc::corrupt,          Errc::gone};

}  // namespace

TEST_CASE("result: every code has a word of its own") {
  std::set<std::string_view> words;
  for (const Errc code : all_codes) words.insert(to_string(code));
  CHECK(words.size() == std::size(all_codes));
  CHECK_FALSE(words.contains("unknown"));
  CHECK(to_string(Errc::insufficient_credits) == "insufficient_credits");
}

TEST_CASE("result: value() of an error throws what went wrong, as a bug") {
  const Result<int> result = fail(Errc::not_found, "no such thing");
  CHECK(result.has_error());
  CHECK_THROWS_AS((void)result.value(), std::logic_error);
  try {
    (void)result.value();
  } catch (const std::logic_error& error) {
    CHECK(std::string(error.what()).find("not_found: no such thing") != std::string::npos);
  }
}

TEST_CASE("result: an error keeps its code, detail and rule") {
  const Result<void> result = fail(Errc::invalid_argument, "the month is not there", "invalid_month");
  CHECK_FALSE(result);
  CHECK(result.error().code == Errc::invalid_argument);
  CHECK(result.error().detail == "the month is not there");
  CHECK(result.error().rule == "invalid_month");
  CHECK(Result<void>());
}

}  // namespace result_test

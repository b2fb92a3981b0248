#include "core/rollup.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace rollup_test {

using namespace tally;

namespace {

constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t int64_min = std::numeric_limits<std::int64_t>::min();

Counters random_counters(Random& random) {
  Counters counters;
  counters.ok = static_cast<std::int64_t>(random.below(1000));
  counters.failed = static_cast<std::int64_t>(random.below(10));
  counters.requests = counters.ok + counters.failed;
  counters.results = static_cast<std::int64_t>(random.below(100'000));
  counters.credits_micros = static_cast<std::int64_t>(random.below(1'000'000'000)) - 1'000'000;
  return counters;
}

RollupValue random_value(Random& random) {
  RollupValue value;
  const bool with_hours = random.below(4) > 0;
  for (std::uint8_t hour = 0; hour < 24; ++hour) {
    if (random.below(3) > 0) continue;
    const Counters counters = random_counters(random);
    value.total += counters;
    if (with_hours) value.hours.emplace_back(hour, counters);
  }
  if (random.below(2) > 0) {
    value.match_rates.count = static_cast<std::int64_t>(random.below(10)) - 2;
    value.match_rates.sum_micros = static_cast<std::int64_t>(random.below(100'000'000)) - 1'000'000;
  }
  return value;
}

RollupValue merged(const RollupValue& a, const RollupValue& b) {
  return decode_rollup(merge_rollups(encode(a), encode(b)).value()).value();
}

}  // namespace

TEST_CASE("rollup: counters add up and stop at int64's edges") {
  Counters sum{1, 2, 3, 4, 5};
  sum += Counters{10, 20, 30, 40, -50};
  CHECK(sum == Counters{11, 22, 33, 44, -45});
  sum += Counters{int64_max, int64_max, 0, 0, int64_min};
  CHECK(sum == Counters{int64_max, int64_max, 33, 44, int64_min});
  sum += Counters{1, 0, 0, 0, -1};
  CHECK(sum == Counters{int64_max, int64_max, 33, 44, int64_min});
  MatchRates rates{int64_max, -5};
  rates += MatchRates{1, int64_min};
  CHECK(rates == MatchRates{int64_max, int64_min});
}

TEST_CASE("rollup: adding values adds hour by hour and keeps hours ascending") {
  RollupValue value;
  value.hours = {{3, Counters{1, 1, 0, 1, 1}}, {9, Counters{2, 2, 0, 2, 2}}};
  RollupValue other;
  other.total = Counters{7, 7, 0, 7, 7};
  other.hours = {{0, Counters{1, 1, 0, 1, 1}}, {9, Counters{5, 5, 0, 5, 5}}, {23, Counters{1, 1, 0, 1, 1}}};
  value.add(other);
  CHECK(value.total == other.total);
  REQUIRE(value.hours.size() == 4);
  CHECK(value.hours[0].first == 0);
  CHECK(value.hours[1].first == 3);
  CHECK(value.hours[2] == std::pair(std::uint8_t{9}, Counters{7, 7, 0, 7, 7}));
  CHECK(value.hours[3].first == 23);
}

TEST_CASE("rollup: a stored value is read back whole, its total from the front alone") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SeededRandom random(seed);
    const RollupValue value = random_value(random);
    const std::string bytes = encode(value);
    REQUIRE(decode_rollup(bytes).value() == value);
    REQUIRE(decode_rollup_total(bytes).value().counters == value.total);
    REQUIRE(decode_rollup_total(bytes).value().match_rates == value.match_rates);
  }
  RollupValue edges;
  edges.total = Counters{int64_max, int64_min, -1, 0, 1};
  for (std::uint8_t hour = 0; hour < 24; ++hour) edges.hours.emplace_back(hour, edges.total);
  CHECK(decode_rollup(encode(edges)).value() == edges);
}

TEST_CASE("rollup: merging bytes is adding values, in any grouping and order") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    const RollupValue a = random_value(random);
    const RollupValue b = random_value(random);
    const RollupValue c = random_value(random);
    RollupValue sum = a;
    sum.add(b);
    REQUIRE(merged(a, b) == sum);
    REQUIRE(merged(b, a) == sum);
    sum.add(c);
    REQUIRE(merged(merged(a, b), c) == sum);
    REQUIRE(merged(a, merged(b, c)) == sum);
    REQUIRE(merge_rollups(encode(a), encode(b)).value() == encode(merged(a, b)));
  }
}

TEST_CASE("rollup: match rates take room only where there are some, and none is left when all are taken back") {
  RollupValue plain;
  plain.total = Counters{2, 2, 0, 2, 2};
  plain.hours = {{7, plain.total}};
  RollupValue rated = plain;
  rated.match_rates = {2, 151'000'000};
  CHECK(encode(plain).front() == 1);
  CHECK(encode(rated).front() == 2);
  RollupValue taken_back;
  taken_back.match_rates = {-2, -151'000'000};
  CHECK(merge_rollups(encode(rated), encode(taken_back)).value() == encode(plain));
  CHECK(merge_rollups(encode(plain), encode(rated)).value() == encode([&] {
          RollupValue sum = plain;
          sum.add(rated);
          return sum;
        }()));
  std::string empty_but_there = encode(rated);
  empty_but_there.replace(6, encode(rated).size() - encode(plain).size(), 2, '\0');
  CHECK(decode_rollup(empty_but_there).error().code == Errc::corrupt);
}

TEST_CASE("rollup: a match rate is a number under its name in flat details") {
  CHECK(match_rate_micros(R"({"matchRate":74.0})") == 74'000'000);
  CHECK(match_rate_micros(R"({"a":"b","matchRate":0.333333333333,"c":true})") == 333'333);
  CHECK(match_rate_micros(R"({"matchRate":-1e2})") == -100'000'000);
  CHECK(match_rate_micros(R"({"matchRate":1000000000})") == 1'000'000'000'000'000);
  const std::string_view none[] = {
      "",
      "{}",
      R"({"matchRate":"74.0"})",
      R"({"matchRate":null})",
      R"({"matchRate":true})",
      R"({"matchRate":1000000001})",
      R"({"matchRate":1e400})",
      R"({"matchRate":74.0)",
      R"({"MatchRate":74.0})",
      R"({"matchRate2":74.0})",
      R"({"a\"matchRate":74.0})",
      R"({"a":"{\"matchRate\":74.0}"})",
      R"({"a":"matchRate"})",
      R"("matchRate":74.0})",
  };
  for (const std::string_view details : none) CHECK_MESSAGE(match_rate_micros(details) == std::nullopt, details);
  CHECK(match_rate_micros(R"({"a\"matchRate":1,"matchRate":2})") == 2'000'000);
}

TEST_CASE("rollup: merging with nothing changes nothing") {
  SeededRandom random(1);
  const RollupValue value = random_value(random);
  CHECK(merged(value, RollupValue()) == value);
  CHECK(merged(RollupValue(), value) == value);
}

TEST_CASE("rollup: a merge of broken bytes is refused, never guessed") {
  SeededRandom random(4);
  const std::string good = encode(random_value(random));
  CHECK(merge_rollups("", good).error().code == Errc::corrupt);
  CHECK(merge_rollups(good, "").error().code == Errc::corrupt);
  const auto merge_as = [&](bool first) {
    return [&good, first](const std::string& bytes) {
      const auto result = first ? merge_rollups(bytes, good) : merge_rollups(good, bytes);
      if (!result) CHECK(result.error().code == Errc::corrupt);
      if (result) CHECK(decode_rollup(*result));
      return result.has_value();
    };
  };
  CHECK(refuses_prefixes_and_survives_noise(good, random, merge_as(true)));
  CHECK(refuses_prefixes_and_survives_noise(good, random, merge_as(false)));
}

TEST_CASE("rollup: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(5);
  CHECK(refuses_prefixes_and_survives_noise(encode(random_value(random)), random, [](const std::string& bytes) {
    (void)decode_rollup_total(bytes);
    const auto value = decode_rollup(bytes);
    if (!value) CHECK(value.error().code == Errc::corrupt);
    if (value) CHECK(encode(*value) == bytes);
    return value.has_value();
  }));
}

TEST_CASE("rollup: hours out of order, twice, beyond the day or too many are corrupt") {
  const auto bytes_with_hours = [](const std::vector<std::uint8_t>& hours) {
    RollupValue value;
    for (const std::uint8_t hour : hours) value.hours.emplace_back(hour, Counters{1, 1, 0, 1, 1});
    return encode(value);
  };
  CHECK(decode_rollup(bytes_with_hours({0, 23})));
  CHECK_FALSE(decode_rollup(bytes_with_hours({5, 4})));
  CHECK_FALSE(decode_rollup(bytes_with_hours({5, 5})));
  CHECK_FALSE(decode_rollup(bytes_with_hours({24})));
  CHECK_FALSE(decode_rollup(bytes_with_hours({255})));
  CHECK_FALSE(decode_rollup(bytes_with_hours(std::vector<std::uint8_t>(25, 1))));
}

TEST_CASE("rollup: keys sort by period, and a period's keys begin with its prefix") {
  const std::string a = rollup_key(255, {"z", "z", "z"});
  const std::string b = rollup_key(256, {"a", "", ""});
  const std::string c = rollup_key(256, {"a", "", "k"});
  CHECK(a < b);
  CHECK(b < c);
  CHECK(a.starts_with(rollup_key_prefix(255)));
  CHECK(b.starts_with(rollup_key_prefix(256)));
  CHECK(a < rollup_key_prefix(256));
}

TEST_CASE("rollup: a key says its period and dims again, whatever is in them") {
  const RollupDims dims[] = {
      {"", "", ""}, {"people/search", "search", "key_1"}, {std::string("a\0b", 3), "\xff", std::string(300, 'k')}};
  for (const RollupDims& d : dims) {
    const auto parsed = parse_rollup_key(rollup_key(20'487, d));
    REQUIRE(parsed);
    CHECK(parsed->period == 20'487);
    CHECK(parsed->dims == d);
  }
  CHECK(rollup_key(1, {"ab", "c", ""}) != rollup_key(1, {"a", "bc", ""}));
}

TEST_CASE("rollup: a key that no one wrote is corrupt, never trouble") {
  SeededRandom random(6);
  CHECK(refuses_prefixes_and_survives_noise(rollup_key(7, {"a", "b", "c"}), random, [](const std::string& bytes) {
    const auto key = parse_rollup_key(bytes);
    if (!key) CHECK(key.error().code == Errc::corrupt);
    if (key) CHECK(rollup_key(key->period, key->dims) == bytes);
    return key.has_value();
  }));
}

}  // namespace rollup_test

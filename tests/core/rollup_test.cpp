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

const std::string one_series = encode(RollupDims{"people/search", "search", "key_1"});

std::string row_with(const RollupValue& value) {
  return encode(RollupRow{{one_series, value}});
}

RollupValue merged(const RollupValue& a, const RollupValue& b) {
  return decode_rollup_row(merge_rollups(row_with(a), row_with(b)).value()).value().at(one_series);
}

RollupRow random_row(Random& random) {
  RollupRow row;
  for (std::uint64_t left = random.below(6); left > 0; --left) {
    const RollupDims dims{std::string(random.below(300), 'e') + std::to_string(random.below(4)), "", "k"};
    row[encode(dims)] = random_value(random);
  }
  return row;
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
    REQUIRE(merge_rollups(row_with(a), row_with(b)).value() == row_with(merged(a, b)));
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
  CHECK(merge_rollups(row_with(rated), row_with(taken_back)).value() == row_with(plain));
  RollupValue sum = plain;
  sum.add(rated);
  CHECK(merged(plain, rated) == sum);
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
  const std::string good = row_with(random_value(random));
  CHECK(merge_rollups("", good).error().code == Errc::corrupt);
  CHECK(merge_rollups(good, "").error().code == Errc::corrupt);
  const auto merge_as = [&](bool first) {
    return [&good, first](const std::string& bytes) {
      const auto result = first ? merge_rollups(bytes, good) : merge_rollups(good, bytes);
      if (!result) CHECK(result.error().code == Errc::corrupt);
      return result.has_value();
    };
  };
  // A row of no series is a row too.
  const auto but_for_none = [](auto merge) {
    return [merge](const std::string& bytes) { return bytes.size() != 1 && merge(bytes); };
  };
  CHECK(refuses_prefixes_and_survives_noise(good, random, but_for_none(merge_as(true))));
  CHECK(refuses_prefixes_and_survives_noise(good, random, but_for_none(merge_as(false))));
}

TEST_CASE("rollup: a row is read back whole, series by series") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SeededRandom random(seed);
    const RollupRow row = random_row(random);
    const std::string bytes = encode(row);
    REQUIRE(decode_rollup_row(bytes).value() == row);
    REQUIRE(check_rollup_row(bytes).has_value());
    RollupRowReader series(bytes);
    for (const auto& [dims, value] : row) {
      REQUIRE(series.next());
      REQUIRE(series.dims() == dims);
      REQUIRE(decode_rollup(series.value()).value() == value);
    }
    REQUIRE_FALSE(series.next());
    REQUIRE(series.ok());
  }
}

TEST_CASE("rollup: merging rows adds each series up, in any grouping and order") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    const RollupRow rows[] = {random_row(random), random_row(random), random_row(random)};
    RollupRow sum;
    for (const RollupRow& row : rows) {
      for (const auto& [dims, value] : row) sum[dims].add(value);
    }
    const std::string a = encode(rows[0]);
    const std::string b = encode(rows[1]);
    const std::string c = encode(rows[2]);
    const auto merge = [](const std::string& x, const std::string& y) { return merge_rollups(x, y).value(); };
    REQUIRE(decode_rollup_row(merge(merge(a, b), c)).value() == sum);
    REQUIRE(merge(merge(a, b), c) == merge(a, merge(b, c)));
    REQUIRE(merge(a, b) == merge(b, a));
    REQUIRE(merge(a, encode(RollupRow())) == a);
  }
}

TEST_CASE("rollup: a row whose bytes no encoder wrote is corrupt, never trouble") {
  SeededRandom random(7);
  RollupRow row = random_row(random);
  row[one_series] = random_value(random);
  const auto reads = [](const std::string& bytes) {
    const auto read = decode_rollup_row(bytes);
    CHECK(read.has_value() == check_rollup_row(bytes).has_value());
    if (!read) CHECK(read.error().code == Errc::corrupt);
    if (read) CHECK(encode(*read) == bytes);
    return read.has_value();
  };
  // Cut between two series, a row is a smaller row.
  row = {*row.find(one_series)};
  CHECK(refuses_prefixes_and_survives_noise(
      encode(row), random, [&](const std::string& bytes) { return bytes.size() != 1 && reads(bytes); }));
}

TEST_CASE("rollup: series out of order, twice or with dims that cannot be read are corrupt") {
  const std::string a = encode(RollupDims{"a", "", ""});
  const std::string b = encode(RollupDims{"b", "", ""});
  const auto row_of = [](std::initializer_list<std::string> dims) {
    RollupRowWriter out;
    for (const std::string& each : dims) out.add(each, RollupValue());
    return std::move(out).take();
  };
  CHECK(check_rollup_row(row_of({a, b})));
  CHECK_FALSE(check_rollup_row(row_of({b, a})));
  CHECK_FALSE(check_rollup_row(row_of({a, a})));
  CHECK_FALSE(check_rollup_row(row_of({a + "x"})));
  CHECK_FALSE(check_rollup_row(row_of({""})));
  CHECK_FALSE(check_rollup_row(""));
}

TEST_CASE("rollup: a series' row of data format 1 is told from a row, and adds up as it did") {
  SeededRandom random(8);
  const RollupValue a = random_value(random);
  const RollupValue b = random_value(random);
  RollupValue sum = a;
  sum.add(b);
  CHECK(merge_series_rows(encode(a), encode(b)).value() == encode(sum));
  CHECK(is_series_row(encode(a)));
  CHECK_FALSE(is_series_row(row_with(a)));
  CHECK_FALSE(is_series_row(""));
  const std::string bytes = rollup_key(20'487) + one_series;
  const auto key = series_row_key(bytes);
  REQUIRE(key);
  CHECK(key->period == 20'487);
  CHECK(key->dims == one_series);
  CHECK_FALSE(series_row_key(rollup_key(20'487)));
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

TEST_CASE("rollup: keys sort by period") {
  CHECK(rollup_key(255) < rollup_key(256));
  CHECK(parse_rollup_key(rollup_key(20'487)).value() == 20'487);
  for (const std::string_view wrong : {"", "abc", "abcde"})
    CHECK(parse_rollup_key(wrong).error().code == Errc::corrupt);
}

TEST_CASE("rollup: dims are read back, whatever is in them") {
  const RollupDims dims[] = {
      {"", "", ""}, {"people/search", "search", "key_1"}, {std::string("a\0b", 3), "\xff", std::string(300, 'k')}};
  for (const RollupDims& d : dims) CHECK(decode_rollup_dims(encode(d)).value() == d);
  CHECK(encode(RollupDims{"ab", "c", ""}) != encode(RollupDims{"a", "bc", ""}));
}

TEST_CASE("rollup: dims that no one wrote are corrupt, never trouble") {
  SeededRandom random(6);
  CHECK(refuses_prefixes_and_survives_noise(encode(RollupDims{"a", "b", "c"}), random, [](const std::string& bytes) {
    const auto dims = decode_rollup_dims(bytes);
    if (!dims) CHECK(dims.error().code == Errc::corrupt);
    if (dims) CHECK(encode(*dims) == bytes);
    return dims.has_value();
  }));
}

}  // namespace rollup_test

#include "core/rollup.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/row.h"

namespace tally {
namespace {

// The second has match rates behind the total.
constexpr std::uint8_t rollup_version = 1;
constexpr std::uint8_t rated_rollup_version = 2;
// No RollupValue begins so: a row is told from the row of one series that it replaced.
constexpr std::uint8_t row_version = 3;
constexpr std::string_view match_rate_name = "\"matchRate\":";
constexpr double match_rate_max = 1e9;
constexpr std::uint8_t hours_per_day = 24;
constexpr std::size_t period_bytes = 4;
constexpr std::size_t counters_bytes_typical = 16;

void add_saturating(std::int64_t& sum, std::int64_t v) noexcept {
  if (!__builtin_add_overflow(sum, v, &sum)) return;
  sum = v > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

Error corrupt() {
  return fail(Errc::corrupt, "a rollup row cannot be read");
}

// Writes what a RollupValue's bytes begin with; the number of hours follows.
void write_total(Encoder& out, const RollupTotal& total) {
  out.u8(total.match_rates.any() ? rated_rollup_version : rollup_version);
  write_counters(out, total.counters);
  if (!total.match_rates.any()) return;
  out.i64(total.match_rates.count);
  out.i64(total.match_rates.sum_micros);
}

// Walks the bytes of a RollupValue without building one: version, total, the number of hours, then hour by hour.
class Walk {
 public:
  explicit Walk(std::string_view bytes) : in_(bytes) {
    const std::uint8_t version = in_.u8();
    if (version != rollup_version && version != rated_rollup_version) in_.reject();
    total_.counters = read_counters(in_);
    if (version != rated_rollup_version) return;
    total_.match_rates.count = in_.i64();
    total_.match_rates.sum_micros = in_.i64();
    if (!total_.match_rates.any()) in_.reject();
  }
  const RollupTotal& total() const noexcept { return total_; }
  bool ok() const noexcept { return in_.ok(); }
  bool done() const noexcept { return in_.done(); }

  void begin_hours() {
    left_ = in_.u8();
    if (left_ > hours_per_day) in_.reject();
    next_hour();
  }
  // hours_per_day behind the last one.
  std::uint8_t hour() const noexcept { return hour_; }
  const Counters& counters() const noexcept { return counters_; }
  std::string_view hour_bytes() const noexcept { return hour_bytes_; }
  void next_hour() {
    const std::uint8_t before = hour_;
    hour_ = hours_per_day;
    if (left_ == 0 || !in_.ok()) return;
    --left_;
    const std::string_view at = in_.rest();
    const std::uint8_t hour = in_.u8();
    counters_ = read_counters(in_);
    const bool ascends = before == none || hour > before;
    if (hour >= hours_per_day || !ascends) in_.reject();
    if (!in_.ok()) return;
    hour_ = hour;
    hour_bytes_ = at.substr(0, at.size() - in_.rest().size());
  }

 private:
  static constexpr std::uint8_t none = 0xff;
  Decoder in_;
  RollupTotal total_;
  Counters counters_;
  std::string_view hour_bytes_;
  std::uint8_t left_ = 0;
  std::uint8_t hour_ = none;
};

Result<std::string> merge_values(std::string_view existing, std::string_view delta) {
  Walk a(existing);
  Walk b(delta);
  RollupTotal total = a.total();
  total.counters += b.total().counters;
  total.match_rates += b.total().match_rates;

  std::string bytes;
  bytes.reserve(existing.size() + delta.size() + counters_bytes_typical);
  Encoder out(bytes);
  write_total(out, total);
  const std::size_t count_at = bytes.size();
  out.u8(0);

  std::uint8_t count = 0;
  a.begin_hours();
  b.begin_hours();
  while (a.hour() < hours_per_day || b.hour() < hours_per_day) {
    ++count;
    if (a.hour() != b.hour()) {
      Walk& earlier = a.hour() < b.hour() ? a : b;
      out.raw(earlier.hour_bytes());
      earlier.next_hour();
      continue;
    }
    Counters sum = a.counters();
    sum += b.counters();
    out.u8(a.hour());
    write_counters(out, sum);
    a.next_hour();
    b.next_hour();
  }
  if (!a.done() || !b.done()) return corrupt();
  bytes[count_at] = static_cast<char>(count);
  return bytes;
}

}  // namespace

Counters& Counters::operator+=(const Counters& other) noexcept {
  add_saturating(requests, other.requests);
  add_saturating(ok, other.ok);
  add_saturating(failed, other.failed);
  add_saturating(results, other.results);
  add_saturating(credits_micros, other.credits_micros);
  return *this;
}

MatchRates& MatchRates::operator+=(const MatchRates& other) noexcept {
  add_saturating(count, other.count);
  add_saturating(sum_micros, other.sum_micros);
  return *this;
}

// The name stands where a key does: behind an opening brace or a comma. Inside a text its quotes would be escaped.
std::optional<std::int64_t> match_rate_micros(std::string_view details) noexcept {
  std::size_t at = details.find(match_rate_name);
  while (at != std::string_view::npos && (at == 0 || (details[at - 1] != '{' && details[at - 1] != ','))) {
    at = details.find(match_rate_name, at + 1);
  }
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = details.substr(at + match_rate_name.size());
  double rate = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), rate);
  const bool whole = end != rest.data() + rest.size() && (*end == ',' || *end == '}');
  if (error != std::errc() || !whole || !(std::abs(rate) <= match_rate_max)) return std::nullopt;
  return std::llround(rate * 1e6);
}

void RollupValue::add(const RollupValue& other) {
  total += other.total;
  match_rates += other.match_rates;
  for (const auto& [hour, counters] : other.hours) {
    const auto place = std::lower_bound(hours.begin(), hours.end(), hour,
                                        [](const auto& entry, std::uint8_t h) { return entry.first < h; });
    if (place != hours.end() && place->first == hour) {
      place->second += counters;
    } else {
      hours.insert(place, {hour, counters});
    }
  }
}

std::string rollup_key(std::int32_t period) {
  std::string key;
  append_be32(key, static_cast<std::uint32_t>(period));
  return key;
}

Result<std::int32_t> parse_rollup_key(std::string_view key) {
  if (key.size() != period_bytes) return corrupt();
  return static_cast<std::int32_t>(read_be32(key));
}

std::string encode(const RollupDims& dims) {
  std::string bytes;
  bytes.reserve(6 + dims.endpoint.size() + dims.category.size() + dims.key.size());
  Encoder out(bytes);
  out.text(dims.endpoint);
  out.text(dims.category);
  out.text(dims.key);
  return bytes;
}

Result<RollupDimsView> view_rollup_dims(std::string_view bytes) {
  Decoder in(bytes);
  const RollupDimsView view{in.text(), in.text(), in.text()};
  if (!in.done()) return corrupt();
  return view;
}

Result<RollupDims> decode_rollup_dims(std::string_view bytes) {
  const auto view = view_rollup_dims(bytes);
  if (!view) return view.error();
  return RollupDims{std::string(view->endpoint), std::string(view->category), std::string(view->key)};
}

std::string encode(const RollupValue& value) {
  std::string bytes;
  bytes.reserve(2 + counters_bytes_typical * (1 + value.hours.size()));
  Encoder out(bytes);
  write_total(out, {value.total, value.match_rates});
  out.u8(static_cast<std::uint8_t>(value.hours.size()));
  for (const auto& [hour, counters] : value.hours) {
    out.u8(hour);
    write_counters(out, counters);
  }
  return bytes;
}

Result<RollupValue> decode_rollup(std::string_view bytes) {
  Walk walk(bytes);
  RollupValue value;
  value.total = walk.total().counters;
  value.match_rates = walk.total().match_rates;
  for (walk.begin_hours(); walk.hour() < hours_per_day; walk.next_hour()) {
    value.hours.emplace_back(walk.hour(), walk.counters());
  }
  if (!walk.done()) return corrupt();
  return value;
}

Result<RollupTotal> decode_rollup_total(std::string_view bytes) {
  const Walk walk(bytes);
  if (!walk.ok()) return corrupt();
  return walk.total();
}

RollupRowWriter::RollupRowWriter(std::size_t bytes_expected) {
  bytes_.reserve(bytes_expected + 8);
  Encoder(bytes_).u8(row_version);
}

void RollupRowWriter::add(std::string_view dims, const RollupValue& value) {
  add(dims, encode(value));
}

void RollupRowWriter::add(std::string_view dims, std::string_view value) {
  Encoder out(bytes_);
  out.text(dims);
  out.text(value);
}

RollupRowReader::RollupRowReader(std::string_view bytes) : in_(bytes) {
  if (in_.u8() != row_version) in_.reject();
}

bool RollupRowReader::next() {
  if (!in_.ok() || in_.rest().empty()) return false;
  const std::string_view before = dims_;
  dims_ = in_.text();
  value_ = in_.text();
  if (begun_ && dims_ <= before) in_.reject();
  begun_ = true;
  return in_.ok();
}

std::string encode(const RollupRow& row) {
  RollupRowWriter out;
  for (const auto& [dims, value] : row) out.add(dims, value);
  return std::move(out).take();
}

Result<RollupRow> decode_rollup_row(std::string_view bytes) {
  RollupRow row;
  RollupRowReader in(bytes);
  while (in.next()) {
    if (!view_rollup_dims(in.dims())) return corrupt();
    auto value = decode_rollup(in.value());
    if (!value) return value.error();
    row.emplace_hint(row.end(), in.dims(), std::move(*value));
  }
  if (!in.ok()) return corrupt();
  return row;
}

Result<void> check_rollup_row(std::string_view bytes) {
  RollupRowReader in(bytes);
  while (in.next()) {
    if (!view_rollup_dims(in.dims())) return corrupt();
    Walk walk(in.value());
    for (walk.begin_hours(); walk.hour() < hours_per_day;) walk.next_hour();
    if (!walk.done()) return corrupt();
  }
  if (!in.ok()) return corrupt();
  return {};
}

// The series that only one of the two has are copied unread.
Result<std::string> merge_rollups(std::string_view existing, std::string_view delta) {
  RollupRowReader a(existing);
  RollupRowReader b(delta);
  RollupRowWriter out(existing.size() + delta.size());
  bool more_a = a.next();
  bool more_b = b.next();
  while (more_a || more_b) {
    const int order = !more_b ? -1 : !more_a ? 1 : a.dims().compare(b.dims());
    if (order < 0) {
      out.add(a.dims(), a.value());
    } else if (order > 0) {
      out.add(b.dims(), b.value());
    } else {
      const auto sum = merge_values(a.value(), b.value());
      if (!sum) return sum.error();
      out.add(a.dims(), *sum);
    }
    if (order <= 0) more_a = a.next();
    if (order >= 0) more_b = b.next();
  }
  if (!a.ok() || !b.ok()) return corrupt();
  return std::move(out).take();
}

std::optional<SeriesRowKey> series_row_key(std::string_view key) noexcept {
  if (key.size() <= period_bytes) return std::nullopt;
  return SeriesRowKey{static_cast<std::int32_t>(read_be32(key)), key.substr(period_bytes)};
}

bool is_series_row(std::string_view value) noexcept {
  return !value.empty() && static_cast<std::uint8_t>(value.front()) < row_version;
}

Result<std::string> merge_series_rows(std::string_view existing, std::string_view delta) {
  return merge_values(existing, delta);
}

}  // namespace tally

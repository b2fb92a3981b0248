// Rollups: counters per account and calendar period, in series by endpoint, category and key. Reports read these, not
// events.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/codec.h"
#include "core/credits.h"
#include "core/result.h"

namespace tally {

struct Counters {
  std::int64_t requests = 0;
  std::int64_t ok = 0;
  std::int64_t failed = 0;
  std::int64_t results = 0;
  std::int64_t credits_micros = 0;

  // Saturating: a counter that reached int64's edge stays there.
  Counters& operator+=(const Counters& other) noexcept;
  friend bool operator==(const Counters&, const Counters&) = default;
};

// The numeric `matchRate`s that events told in their details: how many, and their sum in millionths. Saturating too.
struct MatchRates {
  std::int64_t count = 0;
  std::int64_t sum_micros = 0;

  bool any() const noexcept { return count != 0 || sum_micros != 0; }
  MatchRates& operator+=(const MatchRates& other) noexcept;
  friend bool operator==(const MatchRates&, const MatchRates&) = default;
};

// The one in an event's `details`, in millionths. Nothing without one, if it is no number or none within ±1e9. Reads
// details as events keep them: a flat object without blanks between its tokens.
std::optional<std::int64_t> match_rate_micros(std::string_view details) noexcept;

// What a series counts, besides account and period.
struct RollupDims {
  std::string endpoint;
  std::string category;
  std::string key;
  friend auto operator<=>(const RollupDims&, const RollupDims&) = default;
};

// What was counted in a series: the period's total and, in a day's row, its hours (0..23, ascending, only those with
// events). Match rates are kept for the whole period only; a series without any takes no room for them.
struct RollupValue {
  Counters total;
  std::vector<std::pair<std::uint8_t, Counters>> hours;
  MatchRates match_rates{};

  void add(const RollupValue& other);
  friend bool operator==(const RollupValue&, const RollupValue&) = default;
};

// A row's key behind the account: the period's index (day_of or month_of), big-endian, so that one account's rows of a
// range of periods lie together and in order.
std::string rollup_key(std::int32_t period);
Result<std::int32_t> parse_rollup_key(std::string_view key);

// Dims as bytes: equal bytes are equal dims. A row's series lie in the order of theirs.
std::string encode(const RollupDims& dims);
Result<RollupDims> decode_rollup_dims(std::string_view bytes);
// The same without copies: the views lie in `bytes`.
struct RollupDimsView {
  std::string_view endpoint;
  std::string_view category;
  std::string_view key;
};
Result<RollupDimsView> view_rollup_dims(std::string_view bytes);

std::string encode(const RollupValue& value);
Result<RollupValue> decode_rollup(std::string_view bytes);
// Without its hours, for reports that need none: a prefix of the bytes is read.
struct RollupTotal {
  Counters counters;
  MatchRates match_rates;
};
Result<RollupTotal> decode_rollup_total(std::string_view bytes);

// The value of a row: every series of an account that was counted in the period. One row for all of them, because a
// store's rows cost a report far more than the bytes in them.
using RollupRow = std::map<std::string, RollupValue, std::less<>>;  // by encode(RollupDims)
std::string encode(const RollupRow& row);
Result<RollupRow> decode_rollup_row(std::string_view bytes);

// Writes a row, its series in the order of their dims' bytes.
class RollupRowWriter {
 public:
  explicit RollupRowWriter(std::size_t bytes_expected = 0);
  void add(std::string_view dims, const RollupValue& value);
  void add(std::string_view dims, std::string_view value);  // encoded
  std::string take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads one series by series: the views lie in `bytes`.
class RollupRowReader {
 public:
  explicit RollupRowReader(std::string_view bytes);
  // False behind the last series, and where the bytes cannot be read: then ok() is false too.
  bool next();
  std::string_view dims() const noexcept { return dims_; }
  std::string_view value() const noexcept { return value_; }  // an encoded RollupValue, unread
  bool ok() const noexcept { return in_.ok(); }

 private:
  Decoder in_;
  std::string_view dims_;
  std::string_view value_;
  bool begun_ = false;
};

// Errc::corrupt unless decode_rollup_row() would read it; builds nothing.
Result<void> check_rollup_row(std::string_view bytes);

// The one rule by which a store adds a delta to a stored counter row (Batch::add): both are encoded RollupRows.
Result<std::string> merge_rollups(std::string_view existing, std::string_view delta);

// Of data format 1, which had a row for each series: its key, and the same rule for its value, an encoded RollupValue.
struct SeriesRowKey {
  std::int32_t period = 0;
  std::string_view dims;
};
std::optional<SeriesRowKey> series_row_key(std::string_view key) noexcept;  // nothing: it is no such key
bool is_series_row(std::string_view value) noexcept;
Result<std::string> merge_series_rows(std::string_view existing, std::string_view delta);

}  // namespace tally

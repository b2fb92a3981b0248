// Rollups: counters per account, calendar period, endpoint, category and key. Reports read these, not events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// What a row counts, besides account and period.
struct RollupDims {
  std::string endpoint;
  std::string category;
  std::string key;
  friend auto operator<=>(const RollupDims&, const RollupDims&) = default;
};

// The value of a row: the period's total and, in a day's row, its hours (0..23, ascending, only those with events).
// Match rates are kept for the whole period only; a row without any takes no room for them.
struct RollupValue {
  Counters total;
  std::vector<std::pair<std::uint8_t, Counters>> hours;
  MatchRates match_rates{};

  void add(const RollupValue& other);
  friend bool operator==(const RollupValue&, const RollupValue&) = default;
};

// A row's key behind the account: the period's index (day_of or month_of), big-endian, then the dims, so that one
// account's rows of a range of periods lie together and in order.
std::string rollup_key(std::int32_t period, const RollupDims& dims);
std::string rollup_key_prefix(std::int32_t period);
struct RollupKey {
  std::int32_t period = 0;
  RollupDims dims;
};
Result<RollupKey> parse_rollup_key(std::string_view key);
// The same without copies: the views lie in `key`.
struct RollupKeyView {
  std::int32_t period = 0;
  std::string_view endpoint;
  std::string_view category;
  std::string_view key;
};
Result<RollupKeyView> view_rollup_key(std::string_view key);
// The two parts of a key as bytes, unread: equal bytes are equal dims. Of a key that is too short, 0 and nothing.
std::int32_t rollup_key_period(std::string_view key) noexcept;
std::string_view rollup_key_dims(std::string_view key) noexcept;

std::string encode(const RollupValue& value);
Result<RollupValue> decode_rollup(std::string_view bytes);
// Without its hours, for reports that need none: a prefix of the bytes is read.
struct RollupTotal {
  Counters counters;
  MatchRates match_rates;
};
Result<RollupTotal> decode_rollup_total(std::string_view bytes);

// The one rule by which a store adds a delta to a stored counter row (Batch::add): both are encoded RollupValues.
Result<std::string> merge_rollups(std::string_view existing, std::string_view delta);

}  // namespace tally

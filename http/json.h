// Small JSON bodies: a strict parser into a tree, and a reader that takes an object apart and refuses what nobody asked
// for. (Usage events, which come by the million, have a parser of their own: http/event_parser.h.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/credits.h"
#include "core/result.h"
#include "core/time.h"

namespace tally::http {

inline constexpr std::size_t json_depth_max = 32;
inline constexpr std::size_t json_values_max = 200'000;

struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;                // of a string, decoded; of a number, as sent
  std::vector<JsonValue> items;    // of an array; of an object, the values
  std::vector<std::string> names;  // of an object, parallel to items, in order

  // The member of that name; nullptr if this is no object or lacks it.
  const JsonValue* find(std::string_view name) const noexcept;
};

// RFC 8259, UTF-8. Errc::invalid_argument, rule `malformed_json`, for anything else, also for depth over
// json_depth_max, invalid UTF-8, lone surrogates and numbers outside the range of a double; rule `duplicate_key` (the
// detail names it) for an object that says something twice; Errc::too_large, rule `too_many_values`.
Result<JsonValue> parse_json(std::string body);

// Readings of a number's text as it was sent, never through floating point.
Result<std::int64_t> json_integer(std::string_view number);  // "3"; "3.0" and "3e0" are no integers
Result<Credits> json_credits(
    std::string_view number);  // also with an exponent ("1e-05"); finer than a micro is refused

// Takes one object apart. Every field that may occur is asked for once; the first thing wrong is remembered, later
// calls answer defaults, and finish() tells it. So a handler reads all its fields, then asks once:
//
//   JsonReader in(*value);
//   const std::string name = in.string("name");
//   const auto limit = in.optional_credits("overdraft_limit");
//   if (auto good = in.finish(); !good) return reply(problem(good.error()));
//
// Errors are Errc::invalid_argument with the rules `missing_<field>`, `invalid_<field>`, `unknown_field` and (the value
// is no object) `invalid_body`; details name the field with its way from the root, `prices[3].credits`. `null` is not
// an absent field: ask is_null() first where it has a meaning.
class JsonReader {
 public:
  // `object` must outlive the reader. `where` is the way from the root ("prices[3]"), empty for the root.
  explicit JsonReader(const JsonValue& object, std::string where = {});

  bool has(std::string_view name) const noexcept { return object_.find(name) != nullptr; }
  // Present and null; a null that was asked for counts as read.
  bool is_null(std::string_view name);

  std::string string(std::string_view name);
  bool boolean(std::string_view name);
  std::int64_t integer(std::string_view name, std::int64_t low, std::int64_t high);
  Credits credits(std::string_view name);  // a JSON string or number with at most six decimals
  UtcTime time(std::string_view name);
  const JsonValue& array(std::string_view name);
  const JsonValue& object(std::string_view name);
  const JsonValue& any(std::string_view name);
  std::vector<std::string> strings(std::string_view name);  // an array of strings

  std::optional<std::string> optional_string(std::string_view name);
  std::optional<bool> optional_boolean(std::string_view name);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t low, std::int64_t high);
  std::optional<Credits> optional_credits(std::string_view name);
  std::optional<UtcTime> optional_time(std::string_view name);
  const JsonValue* optional_array(std::string_view name);
  const JsonValue* optional_object(std::string_view name);
  const JsonValue* optional_any(std::string_view name);
  std::optional<std::vector<std::string>> optional_strings(std::string_view name);

  // The way from the root to a field, or to an element of it, for a nested reader.
  std::string path_of(std::string_view name) const;
  std::string path_of(std::string_view name, std::size_t index) const;
  // A rule of the caller's own that a field broke: `invalid_<field>`. An error that is already there stays.
  void refuse(std::string_view name, std::string_view why);

  // The first error, or an unknown field, or success.
  Result<void> finish() const;

 private:
  const JsonValue* take(std::string_view name);
  const JsonValue* take_as(std::string_view name, JsonValue::Kind kind, std::string_view what);
  void require(std::string_view name);

  const JsonValue& object_;
  std::string where_;
  std::vector<bool> read_;  // parallel to object_.items
  std::optional<Error> error_;
};

}  // namespace tally::http

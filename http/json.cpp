#include "http/json.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "http/json_sax.h"

namespace tally::http {
namespace {

// Builds the tree. Returning false stops the parser; `error` then says why.
class TreeBuilder {
 public:
  explicit TreeBuilder(JsonValue& root) : root_(root) {}

  std::optional<Error> error;

  bool Null() { return add(JsonValue::Kind::null) != nullptr; }
  bool Bool(bool value) {
    JsonValue* added = add(JsonValue::Kind::boolean);
    if (added != nullptr) added->boolean = value;
    return added != nullptr;
  }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return add_text(JsonValue::Kind::number, {text, size});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return add_text(JsonValue::Kind::string, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view name(text, size);
    if (has_surrogate(name)) return malformed("a lone surrogate in a key");
    open_.back()->names.emplace_back(name);
    return true;
  }
  bool StartObject() { return open(JsonValue::Kind::object); }
  bool StartArray() { return open(JsonValue::Kind::array); }
  bool EndObject(rapidjson::SizeType) { return unique_names() && close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  // Numbers arrive as text, so these are never called.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  bool malformed(std::string detail) {
    error = fail(Errc::invalid_argument, std::move(detail), "malformed_json");
    return false;
  }

  // An element moves only while its container grows, and then none of its own is open: pointers in open_ stay good.
  JsonValue* add(JsonValue::Kind kind) {
    if (++values_ > json_values_max) {
      error = fail(Errc::too_large, "more than " + std::to_string(json_values_max) + " values in one body",
                   "too_many_values");
      return nullptr;
    }
    JsonValue& added = open_.empty() ? root_ : open_.back()->items.emplace_back();
    added.kind = kind;
    return &added;
  }

  bool add_text(JsonValue::Kind kind, std::string_view text) {
    if (kind == JsonValue::Kind::string && has_surrogate(text)) return malformed("a lone surrogate in a string");
    JsonValue* added = add(kind);
    if (added != nullptr) added->text = text;
    return added != nullptr;
  }

  bool open(JsonValue::Kind kind) {
    if (open_.size() == json_depth_max) return malformed("nested deeper than " + std::to_string(json_depth_max));
    JsonValue* added = add(kind);
    if (added != nullptr) open_.push_back(added);
    return added != nullptr;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool unique_names() {
    std::unordered_set<std::string_view> seen;
    for (const std::string& name : open_.back()->names) {
      if (seen.insert(name).second) continue;
      error = fail(Errc::invalid_argument, "the key '" + name + "' is there twice", "duplicate_key");
      return false;
    }
    return true;
  }

  JsonValue& root_;
  std::vector<JsonValue*> open_;
  std::size_t values_ = 0;
};

constexpr int exponent_max = 40;  // no number of credits needs more digits than that

// "12.5e-3" as "0.0125": moves the point in the text.
std::optional<std::string> without_exponent(std::string_view number) {
  const std::size_t e = number.find_first_of("eE");
  std::string_view exponent_text = number.substr(e + 1);
  if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);
  int exponent = 0;
  const auto read = std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  if (read.ec != std::errc{} || exponent > exponent_max || exponent < -exponent_max) return std::nullopt;
  std::string_view mantissa = number.substr(0, e);
  std::string plain;
  if (mantissa.starts_with('-')) {
    plain = "-";
    mantissa.remove_prefix(1);
  }
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, point));
  if (point < mantissa.size()) digits += mantissa.substr(point + 1);
  int whole = static_cast<int>(point) + exponent;  // digits before the point, after the move
  if (whole <= 0) digits.insert(0, static_cast<std::size_t>(1 - whole), '0');
  whole = std::max(whole, 1);
  if (digits.size() < static_cast<std::size_t>(whole))
    digits.append(static_cast<std::size_t>(whole) - digits.size(), '0');
  plain += digits.substr(0, static_cast<std::size_t>(whole));
  std::string fraction = digits.substr(static_cast<std::size_t>(whole));
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (!fraction.empty()) plain += "." + fraction;
  return plain;
}

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return &items[i];
  return nullptr;
}

Result<JsonValue> parse_json(std::string body) {
  // RapidJSON takes a NUL for the end of the text, and would not see what follows it.
  if (body.find('\0') != std::string::npos)
    return fail(Errc::invalid_argument, "a NUL byte in the body", "malformed_json");
  JsonValue root;
  TreeBuilder builder(root);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = parse_in_place(reader, body.data(), body.size(), builder);
  if (builder.error) return std::move(*builder.error);
  if (result.IsError()) return fail(Errc::invalid_argument, describe(result), "malformed_json");
  return root;
}

Result<std::int64_t> json_integer(std::string_view number) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size())
    return fail(Errc::invalid_argument, "not an integer of 64 bits");
  return value;
}

Result<Credits> json_credits(std::string_view number) {
  if (number.find_first_of("eE") == std::string_view::npos) return Credits::parse(number);
  const auto plain = without_exponent(number);
  if (!plain) return fail(Errc::invalid_argument, "outside the range of credits");
  return Credits::parse(*plain);
}

}  // namespace tally::http

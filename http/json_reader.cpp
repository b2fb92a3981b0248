#include <cassert>

#include "http/json.h"

namespace tally::http {
namespace {

using Kind = JsonValue::Kind;

const JsonValue& nothing() {
  static const JsonValue value;
  return value;
}

}  // namespace

JsonReader::JsonReader(const JsonValue& object, std::string where)
    : object_(object), where_(std::move(where)), read_(object.items.size(), false) {
  if (object.kind == Kind::object) return;
  error_ = fail(Errc::invalid_argument, (where_.empty() ? std::string("the body") : where_) + " must be an object",
                "invalid_body");
}

std::string JsonReader::path_of(std::string_view name) const {
  return where_.empty() ? std::string(name) : where_ + "." + std::string(name);
}

std::string JsonReader::path_of(std::string_view name, std::size_t index) const {
  return path_of(name) + "[" + std::to_string(index) + "]";
}

void JsonReader::refuse(std::string_view name, std::string_view why) {
  if (error_) return;
  error_ = fail(Errc::invalid_argument, path_of(name) + " " + std::string(why), "invalid_" + std::string(name));
}

void JsonReader::require(std::string_view name) {
  if (error_ || has(name)) return;
  error_ = fail(Errc::invalid_argument, path_of(name) + " is missing", "missing_" + std::string(name));
}

const JsonValue* JsonReader::take(std::string_view name) {
  const JsonValue* value = object_.find(name);
  if (value == nullptr || object_.kind != Kind::object) return nullptr;
  read_[static_cast<std::size_t>(value - object_.items.data())] = true;
  return value;
}

const JsonValue* JsonReader::take_as(std::string_view name, Kind kind, std::string_view what) {
  const JsonValue* value = take(name);
  if (value == nullptr || value->kind == kind) return value;
  refuse(name, "must be " + std::string(what));
  return nullptr;
}

bool JsonReader::is_null(std::string_view name) {
  const JsonValue* value = object_.find(name);
  if (value == nullptr || value->kind != Kind::null) return false;
  take(name);
  return true;
}

std::optional<std::string> JsonReader::optional_string(std::string_view name) {
  const JsonValue* value = take_as(name, Kind::string, "a string");
  return value ? std::optional(value->text) : std::nullopt;
}

std::optional<bool> JsonReader::optional_boolean(std::string_view name) {
  const JsonValue* value = take_as(name, Kind::boolean, "true or false");
  return value ? std::optional(value->boolean) : std::nullopt;
}

std::optional<std::int64_t> JsonReader::optional_integer(std::string_view name, std::int64_t low, std::int64_t high) {
  const JsonValue* value = take_as(name, Kind::number, "an integer");
  if (value == nullptr) return std::nullopt;
  const auto number = json_integer(value->text);
  if (number && *number >= low && *number <= high) return *number;
  refuse(name, "must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

std::optional<Credits> JsonReader::optional_credits(std::string_view name) {
  const JsonValue* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind == Kind::string || value->kind == Kind::number) {
    const auto amount = value->kind == Kind::string ? Credits::parse(value->text) : json_credits(value->text);
    if (amount) return *amount;
  }
  refuse(name, "must be a decimal with at most six digits after the point, as a string or a number");
  return std::nullopt;
}

std::optional<UtcTime> JsonReader::optional_time(std::string_view name) {
  const JsonValue* value = take_as(name, Kind::string, "an ISO 8601 time");
  if (value == nullptr) return std::nullopt;
  const auto time = UtcTime::parse(value->text);
  if (time) return *time;
  refuse(name, "must be an ISO 8601 time such as 2026-02-03T04:05:06Z");
  return std::nullopt;
}

const JsonValue* JsonReader::optional_array(std::string_view name) {
  return take_as(name, Kind::array, "an array");
}
const JsonValue* JsonReader::optional_object(std::string_view name) {
  return take_as(name, Kind::object, "an object");
}
const JsonValue* JsonReader::optional_any(std::string_view name) {
  return take(name);
}

std::optional<std::vector<std::string>> JsonReader::optional_strings(std::string_view name) {
  const JsonValue* list = optional_array(name);
  if (list == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  for (const JsonValue& item : list->items) {
    if (item.kind != Kind::string) {
      refuse(name, "must hold strings only");
      return std::nullopt;
    }
    texts.push_back(item.text);
  }
  return texts;
}

std::string JsonReader::string(std::string_view name) {
  require(name);
  return optional_string(name).value_or(std::string());
}

bool JsonReader::boolean(std::string_view name) {
  require(name);
  return optional_boolean(name).value_or(false);
}

std::int64_t JsonReader::integer(std::string_view name, std::int64_t low, std::int64_t high) {
  require(name);
  return optional_integer(name, low, high).value_or(low);
}

Credits JsonReader::credits(std::string_view name) {
  require(name);
  return optional_credits(name).value_or(Credits());
}

UtcTime JsonReader::time(std::string_view name) {
  require(name);
  return optional_time(name).value_or(UtcTime());
}

const JsonValue& JsonReader::array(std::string_view name) {
  require(name);
  const JsonValue* value = optional_array(name);
  return value ? *value : nothing();
}

const JsonValue& JsonReader::object(std::string_view name) {
  require(name);
  const JsonValue* value = optional_object(name);
  return value ? *value : nothing();
}

const JsonValue& JsonReader::any(std::string_view name) {
  require(name);
  const JsonValue* value = optional_any(name);
  return value ? *value : nothing();
}

std::vector<std::string> JsonReader::strings(std::string_view name) {
  require(name);
  return optional_strings(name).value_or(std::vector<std::string>());
}

Result<void> JsonReader::finish() const {
  if (error_) return *error_;
  for (std::size_t i = 0; i < read_.size(); ++i)
    if (!read_[i])
      return fail(Errc::invalid_argument, "there is no field " + path_of(object_.names[i]), "unknown_field");
  return {};
}

}  // namespace tally::http

// The little JSON that a client needs: reading answers and log lines, writing request bodies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace tally::tools {

// A value of a parsed document, which it keeps alive. Cheap to copy. A missing value is a value too: it answers every
// question with "no", empty or zero, so that `answer["result"]["rows"]` needs no checks.
class Json {
 public:
  Json() = default;
  // One complete document, UTF-8, at most 64 levels deep; else Errc::invalid_argument.
  static Result<Json> parse(std::string_view text);

  bool exists() const noexcept { return node_ != nullptr; }
  bool is_null() const noexcept;
  bool is_object() const noexcept;
  bool is_array() const noexcept;
  bool is_number() const noexcept;

  Json operator[](std::string_view name) const;
  // `a.b.c`, looked up as a whole name first and then step by step.
  Json at_path(std::string_view path) const;
  std::size_t size() const noexcept;  // of an array or object
  Json item(std::size_t index) const;
  std::vector<std::string> names() const;

  // A string's content; a number or boolean as it was written, near enough; else empty.
  std::string text() const;
  std::int64_t integer() const noexcept;  // zero for anything else, also for a string
  double number() const noexcept;
  std::string dump() const;         // one line
  std::string dump_pretty() const;  // indented by two blanks

 private:
  Json(std::shared_ptr<const void> document, const void* node) : document_(std::move(document)), node_(node) {}

  std::shared_ptr<const void> document_;
  const void* node_ = nullptr;
};

// `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD, so that any log line can be sent.
std::string json_string(std::string_view text);

// An object, written member by member.
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value) { return raw(name, json_string(value)); }
  JsonObject& integer(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
  JsonObject& boolean(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  JsonObject& texts(std::string_view name, const std::vector<std::string>& values);
  JsonObject& raw(std::string_view name, std::string_view json);
  // Nothing, where nothing is given.
  JsonObject& given(std::string_view name, const std::optional<std::string>& value);
  JsonObject& given(std::string_view name, std::optional<std::int64_t> value);
  JsonObject& given(std::string_view name, const std::optional<std::vector<std::string>>& values);
  bool empty() const noexcept { return members_.empty(); }
  std::string str() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace tally::tools

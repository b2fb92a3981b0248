// Writes compact JSON into a string, without a tree in between.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/credits.h"
#include "core/time.h"

namespace tally::http {

// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD, so the result is always valid
// JSON.
void append_json_string(std::string& out, std::string_view text);

// Appends to `out`, which must outlive the writer. Commas and colons are its business; nesting is the caller's: every
// begin has its end, and inside an object every value follows a key.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view value);
  JsonWriter& number(std::int64_t value);
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& time(UtcTime value) { return string(value.to_string()); }
  JsonWriter& credits_string(Credits value);                                    // "142.5", our own API
  JsonWriter& credits_number(Credits value) { return raw(value.to_string()); }  // 142.5, the dialects
  JsonWriter& raw(std::string_view json);                                       // a complete value, as it is

  // key(name) and the value in one call.
  JsonWriter& field(std::string_view name, std::string_view value) { return key(name).string(value); }
  JsonWriter& field(std::string_view name, const char* value) { return key(name).string(value); }
  JsonWriter& field(std::string_view name, std::int64_t value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
  JsonWriter& field(std::string_view name, UtcTime value) { return key(name).time(value); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string& out_;
  bool comma_ = false;  // the next value or key of this level needs a comma
};

}  // namespace tally::http

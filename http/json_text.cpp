#include "http/json_text.h"

#include "http/json_writer.h"

namespace tally::http {

namespace {

// Depth is bounded by the parser's json_depth_max.
void write_value(JsonWriter& out, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      out.null();
      return;
    case JsonValue::Kind::boolean:
      out.boolean(value.boolean);
      return;
    case JsonValue::Kind::number:
      out.raw(value.text);
      return;
    case JsonValue::Kind::string:
      out.string(value.text);
      return;
    case JsonValue::Kind::array:
      out.begin_array();
      for (const JsonValue& item : value.items) write_value(out, item);
      out.end_array();
      return;
    case JsonValue::Kind::object:
      out.begin_object();
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        out.key(value.names[i]);
        write_value(out, value.items[i]);
      }
      out.end_object();
      return;
  }
}

}  // namespace

std::string json_text(const JsonValue& value) {
  std::string text;
  JsonWriter out(text);
  write_value(out, value);
  return text;
}

}  // namespace tally::http

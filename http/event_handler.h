// The part of the event parser that RapidJSON calls: places every value of the body, event by event.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/event_parser.h"

namespace tally::http {

class EventHandler {
 public:
  EventHandler(EventFormat format, UtcTime now, ParsedEvents& out) : out_(out), cloud_(is_cloud(format)), now_(now) {}

  enum class Shape : std::uint8_t { event, list, either };

  // Before each text: what it may be, and the index of its event, or of its first one.
  void begin_text(std::uint32_t index, Shape shape);
  // After a syntax error in a text that is one event: forgets what was read of it.
  void abandon();
  // Set when the handler itself stopped the parser.
  const std::optional<Error>& error() const noexcept { return error_; }
  bool was_list() const noexcept { return was_list_; }

  // RapidJSON's handler concept. Text points into the body and stays until the body goes.
  bool Null() { return scalar({Scalar::Kind::null, {}, false}); }
  bool Bool(bool value) { return scalar({Scalar::Kind::boolean, {}, value}); }
  bool RawNumber(const char* text, unsigned size, bool) { return scalar({Scalar::Kind::number, {text, size}, false}); }
  bool String(const char* text, unsigned size, bool) { return scalar({Scalar::Kind::string, {text, size}, false}); }
  bool Key(const char* text, unsigned size, bool);
  bool StartObject() { return open(true); }
  bool EndObject(unsigned) { return close(); }
  bool StartArray() { return open(false); }
  bool EndArray(unsigned) { return close(); }
  // Numbers arrive as text, so these are never called.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  struct Scalar {
    enum class Kind : std::uint8_t { null, boolean, number, string };
    Kind kind;
    std::string_view text;
    bool boolean;
  };
  enum class Field : std::uint8_t {
    unknown,
    extension,
    id,
    source,
    account,
    endpoint,
    time,
    ok,
    results,
    credits,
    options,
    key,
    details,  // an event's
    specversion,
    datacontenttype,
    dataschema,
    data  // a CloudEvent's
  };
  enum class Where : std::uint8_t { root, list, event, data, options, details };

  static bool is_cloud(EventFormat format) noexcept {
    return format == EventFormat::cloud_event || format == EventFormat::cloud_event_batch;
  }
  static Field plain_field(std::string_view name) noexcept;
  static Field cloud_field(std::string_view name) noexcept;
  Field field_of(std::string_view name) const noexcept;

  bool scalar(const Scalar& value);
  bool begin_event();
  void end_event();
  bool refuse_element(std::string_view why);
  void set(const Scalar& value);
  void set_text(std::string& to, const Scalar& value, std::string_view code);
  void set_credits(const Scalar& value);
  void add_option(const Scalar& value);
  void add_detail(const Scalar& value);
  void name_entry(std::string_view name);
  void end_entries(Where ended);
  void refuse(std::string_view code, std::string message);
  bool open(bool object);
  bool open_element(bool object);
  void open_field(bool object);
  bool close();
  bool stop(Errc code, std::string detail, std::string rule);
  Where where() const noexcept { return path_.back(); }
  UsageEvent& event() { return out_.events.back(); }

  ParsedEvents& out_;
  const bool cloud_;
  const UtcTime now_;
  std::optional<Error> error_;
  std::vector<Where> path_{Where::root};
  std::size_t skip_depth_ = 0;  // above 0: below something refused, where only the nesting counts
  Shape shape_ = Shape::either;
  bool was_list_ = false;
  std::uint32_t index_ = 0;
  std::size_t elements_ = 0;  // of all texts of this body

  // The event being read.
  bool refused_ = false;
  Field field_ = Field::unknown;
  std::bitset<32> seen_;
  std::vector<std::string_view> entries_;     // keys of the options or details being read
  std::vector<std::string_view> extensions_;  // CloudEvent attributes that are dropped
};

}  // namespace tally::http

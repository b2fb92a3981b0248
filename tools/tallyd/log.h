// The server's log: one line an event on standard error, with a fixed name and keys.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/clock.h"
#include "core/config.h"

namespace tally::tools {

using LogValue = std::variant<std::int64_t, std::string>;
using LogFields = std::initializer_list<std::pair<std::string_view, LogValue>>;

// The line, with its end. As JSON an object of `time`, `level`, `event` and the fields; as text the same for people,
// `TIME LEVEL EVENT name=value …`, values with anything unusual in them as JSON strings. Never more than one line.
std::string log_line(LogFormat format, UtcTime time, std::string_view level, std::string_view event, LogFields fields);

class Log {
 public:
  using Value = LogValue;
  using Fields = LogFields;

  explicit Log(const Clock& clock, LogFormat format = LogFormat::json) : clock_(clock), format_(format) {}

  // log.info("server.listening", {{"port", 8080}}). Never secrets, never bodies. Thread-safe.
  void info(std::string_view event, Fields fields = {}) { write("info", event, fields); }
  void error(std::string_view event, Fields fields = {}) { write("error", event, fields); }

 private:
  void write(std::string_view level, std::string_view event, Fields fields);
  const Clock& clock_;
  LogFormat format_;
  std::mutex mutex_;
};

}  // namespace tally::tools

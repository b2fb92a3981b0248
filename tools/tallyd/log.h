// The server's log: one JSON object a line on standard error, an event with a fixed name and keys.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/clock.h"

namespace tally::tools {

class Log {
 public:
  using Value = std::variant<std::int64_t, std::string>;
  using Fields = std::initializer_list<std::pair<std::string_view, Value>>;

  explicit Log(const Clock& clock) : clock_(clock) {}

  // log.info("server.listening", {{"port", 8080}}). Never secrets, never bodies. Thread-safe.
  void info(std::string_view event, Fields fields = {}) { write("info", event, fields); }
  void error(std::string_view event, Fields fields = {}) { write("error", event, fields); }

 private:
  void write(std::string_view level, std::string_view event, Fields fields);
  const Clock& clock_;
  std::mutex mutex_;
};

}  // namespace tally::tools

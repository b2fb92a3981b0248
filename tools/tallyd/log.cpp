#include "tools/tallyd/log.h"

#include <algorithm>
#include <cstdio>

#include "http/json_writer.h"

namespace tally::tools {

namespace {

std::string json_line(UtcTime time, std::string_view level, std::string_view event, LogFields fields) {
  std::string line;
  http::JsonWriter out(line);
  out.begin_object().field("time", time).field("level", level).field("event", event);
  for (const auto& [name, value] : fields) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      out.field(name, *number);
    } else {
      out.field(name, std::get<std::string>(value));
    }
  }
  out.end_object();
  return line;
}

bool needs_no_quotes(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '='; });
}

std::string text_line(UtcTime time, std::string_view level, std::string_view event, LogFields fields) {
  std::string line = time.to_string();
  line.append(" ").append(level).append(" ").append(event);
  for (const auto& [name, value] : fields) {
    line.append(" ").append(name).append("=");
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      line.append(std::to_string(*number));
    } else if (const std::string& text = std::get<std::string>(value); needs_no_quotes(text)) {
      line.append(text);
    } else {
      http::append_json_string(line, text);
    }
  }
  return line;
}

}  // namespace

std::string log_line(LogFormat format, UtcTime time, std::string_view level, std::string_view event, LogFields fields) {
  std::string line =
      format == LogFormat::json ? json_line(time, level, event, fields) : text_line(time, level, event, fields);
  line.push_back('\n');
  return line;
}

void Log::write(std::string_view level, std::string_view event, Fields fields) {
  const std::string line = log_line(format_, clock_.now(), level, event, fields);
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tally::tools

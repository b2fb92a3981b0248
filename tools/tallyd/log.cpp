#include "tools/tallyd/log.h"

#include <cstdio>

#include "http/json_writer.h"

namespace tally::tools {

void Log::write(std::string_view level, std::string_view event, Fields fields) {
  std::string line;
  http::JsonWriter out(line);
  out.begin_object().field("time", clock_.now()).field("level", level).field("event", event);
  for (const auto& [name, value] : fields) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      out.field(name, *number);
    } else {
      out.field(name, std::get<std::string>(value));
    }
  }
  out.end_object();
  line.push_back('\n');
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tally::tools

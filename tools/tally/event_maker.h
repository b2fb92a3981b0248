// From a log line to the usage event that POST /operator/v1/events takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tools/tally/gateway_log.h"
#include "tools/tally/line_ids.h"
#include "tools/tally/mapping.h"

namespace tally::tools {

enum class LogFormat { apache, jsonl, ndjson };

// What a log's first line looks like: an event of our own (a JSON object with `id`, `account` and `endpoint`), another
// JSON object, or else an access log.
LogFormat detect_format(std::string_view first_line);

struct EventRules {
  LogFormat format = LogFormat::apache;
  std::string source;  // of the events
  MappingRules mapping;
  GatewayFields fields = GatewayFields::defaults();
  bool keep_details = false;  // method, path, status and size go into the event's `details`
};

struct EventLine {
  std::string json;
  std::string account;
  std::string account_name;  // for an account that has to be made: whom the log names
};

class EventMaker {
 public:
  explicit EventMaker(EventRules rules);
  // Nothing for a line that a `skip` rule covers, Errc::invalid_argument for one that cannot be read. An event is `ok`
  // when the status is below 400 and then has one result, else none. NDJSON events pass as they are. Equal lines get
  // different ids (LineIds), so each line is to be given once, in the order of the log.
  Result<std::optional<EventLine>> make(std::string_view line);

 private:
  Result<EventLine> pass(std::string_view line) const;
  std::string event_json(const Call& call, const Mapped& mapped, std::string_view line);

  EventRules rules_;
  Mapping mapping_;
  GatewayLog gateway_;
  LineIds ids_;
  std::string target_;  // unescaped
  std::string user_;
};

// `import:` and the file's name without its folder and without what log rotation appends (`.1`, `-20150517`), so that a
// log keeps its ids when it is rotated. "-" gives "import:stdin".
std::string source_of(std::string_view file);

}  // namespace tally::tools

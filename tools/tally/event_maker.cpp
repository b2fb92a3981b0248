#include "tools/tally/event_maker.h"

#include "core/event.h"
#include "tools/tally/access_log.h"
#include "tools/tally/json.h"

namespace tally::tools {
namespace {

constexpr std::size_t account_name_bytes_max = 200;

Call call_of(const AccessLine& line) {
  Call call;
  call.remote = line.remote;
  call.user = line.user;
  call.time = line.time;
  call.method = line.method;
  call.target = line.target;
  call.status = line.status;
  call.bytes = line.bytes;
  return call;
}

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string details_of(const Call& call) {
  JsonObject details;
  details.text("method", call.method).text("path", call.target.substr(0, 1024));
  details.integer("status", call.status).integer("bytes", call.bytes);
  if (!call.id.empty()) details.text("request_id", call.id.substr(0, event_id_bytes_max));
  return details.str();
}

}  // namespace

LogFormat detect_format(std::string_view first_line) {
  if (first_line.find_first_not_of(" \t") == std::string_view::npos) return LogFormat::apache;
  if (first_line[first_line.find_first_not_of(" \t")] != '{') return LogFormat::apache;
  const auto json = Json::parse(first_line);
  const bool event = json && (*json)["id"].exists() && (*json)["account"].exists() && (*json)["endpoint"].exists();
  return event ? LogFormat::ndjson : LogFormat::jsonl;
}

EventMaker::EventMaker(EventRules rules)
    : rules_(std::move(rules)), mapping_(rules_.mapping), gateway_(rules_.fields) {}

Result<std::optional<EventLine>> EventMaker::make(std::string_view line) {
  if (rules_.format == LogFormat::ndjson) {
    auto event = pass(line);
    if (!event) return event.error();
    return std::optional<EventLine>(std::move(*event));
  }
  Call call;
  if (rules_.format == LogFormat::apache) {
    auto parsed = parse_access_line(line);
    if (!parsed) return parsed.error();
    call = call_of(*parsed);
    if (call.target.find('\\') != std::string_view::npos) call.target = target_ = unescape_log_field(call.target);
    if (call.user.find('\\') != std::string_view::npos) call.user = user_ = unescape_log_field(call.user);
  } else {
    auto parsed = gateway_.parse(line);
    if (!parsed) return parsed.error();
    call = *parsed;
  }
  auto mapped = mapping_.map(call);
  if (!mapped) return mapped.error();
  if (!*mapped) return std::optional<EventLine>();
  const std::string_view who = rules_.mapping.account_by == AccountBy::address ? call.remote
                               : rules_.mapping.account_by == AccountBy::user  ? call.user
                                                                               : call.account;
  EventLine event{event_json(call, **mapped, line), std::move((*mapped)->account), {}};
  event.account_name = who.empty() || !rules_.mapping.account.empty()
                           ? event.account
                           : std::string(who.substr(0, account_name_bytes_max));
  return std::optional<EventLine>(std::move(event));
}

Result<EventLine> EventMaker::pass(std::string_view line) const {
  const auto json = Json::parse(line);
  if (!json) return json.error();
  if (!json->is_object()) return fail(Errc::invalid_argument, "no JSON object");
  const std::string account = (*json)["account"].text();
  return EventLine{std::string(line), account, account};
}

// By hand, as this is what an import spends its time on.
std::string EventMaker::event_json(const Call& call, const Mapped& mapped, std::string_view line) {
  const bool ok = call.status < 400;
  std::string json;
  json.reserve(320);
  json += "{\"id\":\"";
  json += ids_.next(line);
  json += "\",\"source\":";
  json += json_string(rules_.source);
  json += ",\"account\":\"";
  json += mapped.account;
  json += "\",\"endpoint\":";
  json += json_string(mapped.endpoint);
  json += ",\"time\":\"";
  json += call.time.to_string();
  json += ok ? "\",\"ok\":true,\"results\":1" : "\",\"ok\":false,\"results\":0";
  if (rules_.keep_details) {
    json += ",\"details\":";
    json += details_of(call);
  }
  json += "}";
  return json;
}

std::string source_of(std::string_view file) {
  if (file == "-") return "import:stdin";
  std::string_view name = file.substr(file.find_last_of('/') + 1);
  if (const std::size_t dot = name.rfind('.');
      dot != std::string_view::npos && dot > 0 && all_digits(name.substr(dot + 1))) {
    name = name.substr(0, dot);
  }
  const std::size_t dash = name.rfind('-');
  if (dash != std::string_view::npos && dash > 0 && name.size() - dash == 9 && all_digits(name.substr(dash + 1))) {
    name = name.substr(0, dash);
  }
  return "import:" + std::string(name);
}

}  // namespace tally::tools

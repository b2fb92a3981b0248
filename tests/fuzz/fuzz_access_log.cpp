// Whatever a log line holds, what comes out of it is an event that the contract allows, or a refusal.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/event.h"
#include "tools/tally/access_log.h"
#include "tools/tally/event_maker.h"
#include "tools/tally/json.h"

namespace {

using namespace tally;
using namespace tally::tools;

void require(bool holds) {
  if (!holds) std::abort();
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_line(std::string_view line) {
  const auto parsed = parse_access_line(line);
  if (!parsed) {
    require(parsed.error().code == Errc::invalid_argument && !parsed.error().detail.empty());
    return;
  }
  for (const std::string_view part : {parsed->remote, parsed->user, parsed->method, parsed->target, parsed->protocol,
                                      parsed->referer, parsed->agent}) {
    require(within(part, line));
  }
  require(!parsed->remote.empty() && !parsed->method.empty() && !parsed->target.empty());
  require(parsed->status >= 100 && parsed->status <= 999 && parsed->bytes >= 0 && parsed->time.ms() >= 0);
  require(UtcTime::parse(parsed->time.to_string()).has_value());
}

void check_event(LogFormat format, AccountBy account_by, std::string_view line) {
  EventRules rules;
  rules.format = format;
  rules.source = "import:fuzz";
  rules.mapping.account_by = account_by;
  rules.keep_details = true;
  EventMaker maker(rules);
  const auto made = maker.make(line);
  if (!made || !*made) return;
  const auto json = Json::parse((*made)->json);
  require(json.has_value());
  UsageEvent event;
  event.id = (*json)["id"].text();
  event.source = (*json)["source"].text();
  event.account = AccountId((*json)["account"].text());
  event.endpoint = (*json)["endpoint"].text();
  const auto time = UtcTime::parse((*json)["time"].text());
  require(time.has_value());
  event.time = *time;
  event.results = (*json)["results"].integer();
  require(validate(event, event.time).has_value());
}

// Normalising what is normal changes nothing.
void check_path(std::string_view target) {
  const auto path = normal_path(target);
  if (!path) return;
  const auto again = normal_path(*path);
  require(again.has_value() && *again == *path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  check_line(line);
  check_path(line);
  require(parse_account_id(account_id_for(line)).has_value());
  require(unescape_log_field(line).size() <= line.size());
  for (const AccountBy account_by : {AccountBy::address, AccountBy::user}) {
    check_event(LogFormat::apache, account_by, line);
    check_event(LogFormat::jsonl, account_by, line);
  }
  return 0;
}

#include "http/event_json.h"

#include <limits>

#include "http/ledger_wire.h"

namespace tally::http {

namespace {

void read_options(JsonReader& in, UsageEvent& event) {
  const JsonValue* object = in.optional_object("options");
  if (!object) return;
  JsonReader options(*object, in.path_of("options"));
  for (const std::string& name : object->names) {
    event.options.emplace_back(name, options.integer(name, std::numeric_limits<std::int64_t>::min(),
                                                     std::numeric_limits<std::int64_t>::max()));
  }
  if (auto good = options.finish(); !good) in.refuse("options", "must be an object of counts");
}

}  // namespace

Result<UsageEvent> read_event(const JsonValue& object, std::string where, const AccountId& account, UtcTime now) {
  JsonReader in(object, std::move(where));
  UsageEvent event;
  event.id = in.optional_string("id").value_or("");
  event.source = in.optional_string("source").value_or("");
  event.account = account;
  if (const auto named = in.optional_string("account"); named && *named != account.str())
    in.refuse("account", "is not the account of the hold");
  event.endpoint = in.optional_string("endpoint").value_or("");
  event.time = in.optional_time("time").value_or(now);
  event.ok = in.optional_boolean("ok").value_or(true);
  event.results =
      in.optional_integer("results", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max())
          .value_or(event.ok ? 1 : 0);
  event.credits = in.optional_credits("credits");
  read_options(in, event);
  event.key = in.optional_string("key").value_or("");
  event.details = flat_object(in, "details");
  if (auto good = in.finish(); !good) return good.error();
  if (auto good = validate(event, now); !good) return good.error();
  return event;
}

}  // namespace tally::http

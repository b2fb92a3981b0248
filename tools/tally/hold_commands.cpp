// Holds: credits set aside before a call is made, and settled or released after it.
#include "tools/tally/ledger_commands.h"
#include "tools/tally/ledger_paths.h"
#include "tools/tally/show.h"

namespace tally::tools {
namespace {

constexpr const char* holds_path = "/operator/v1/holds";

void add(JsonObject& body, const char* name, const std::optional<std::string>& value) {
  if (value) body.text(name, *value);
}
void add(JsonObject& body, const char* name, std::optional<std::int64_t> value) {
  if (value) body.integer(name, *value);
}

std::string hold_path(const std::string& hold, const std::string& rest = {}) {
  return holds_path + ("/" + url_encoded(hold)) + rest;
}

int shown(Session& session, const Outcome<Json>& answer) {
  if (!answer) return report(session, answer.error());
  show_object(session, *answer);
  return static_cast<int>(Exit::ok);
}

}  // namespace

int hold_create(Session& session, const HoldFields& fields) {
  if (fields.credits.has_value() == fields.endpoint.has_value())
    return report(session, {Exit::usage, "a hold is of --credits, or of what an --endpoint costs (--quantity times)"});
  JsonObject body;
  body.text("account", fields.account);
  add(body, "credits", fields.credits);
  add(body, "endpoint", fields.endpoint);
  add(body, "quantity", fields.quantity);
  add(body, "ttl_seconds", fields.ttl_seconds);
  return shown(session, Api(session).post(holds_path, body.str(), fields.idempotency_key));
}

int hold_settle(Session& session, const SettleFields& fields) {
  JsonObject body;
  if (fields.event_id) {
    JsonObject event;
    event.text("id", *fields.event_id);
    add(event, "source", fields.source);
    add(event, "endpoint", fields.endpoint);
    add(event, "time", fields.time);
    if (fields.failed) event.boolean("ok", false);
    add(event, "results", fields.results);
    add(event, "credits", fields.credits);
    body.raw("event", event.str());
  } else if (fields.credits) {
    body.text("credits", *fields.credits);
  } else {
    return report(session, {Exit::usage, "settle by CREDITS, or by the usage event: --event-id and --endpoint"});
  }
  return shown(session, Api(session).post(hold_path(fields.hold, "/settle"), body.str(), fields.idempotency_key));
}

int hold_release(Session& session, const ReleaseFields& fields) {
  return shown(session, Api(session).post(hold_path(fields.hold, "/release"), "{}", fields.idempotency_key));
}

int hold_show(Session& session, const std::string& hold) {
  return shown(session, Api(session).call("GET", hold_path(hold)));
}

}  // namespace tally::tools

// Holds: credits set aside before a call is made, and settled or released after it.
#include "tools/tally/ledger_commands.h"
#include "tools/tally/ledger_paths.h"
#include "tools/tally/show.h"

namespace tally::tools {
namespace {

constexpr const char* holds_path = "/operator/v1/holds";

std::string hold_path(const std::string& hold, const std::string& rest = {}) {
  return holds_path + ("/" + url_encoded(hold)) + rest;
}

}  // namespace

int hold_create(Session& session, const HoldFields& fields) {
  if (fields.credits.has_value() == fields.endpoint.has_value())
    return report(session, {Exit::usage, "a hold is of --credits, or of what an --endpoint costs (--quantity times)"});
  JsonObject body;
  body.text("account", fields.account);
  body.given("credits", fields.credits);
  body.given("endpoint", fields.endpoint);
  body.given("quantity", fields.quantity);
  body.given("ttl_seconds", fields.ttl_seconds);
  return show_answer(session, Api(session).post(holds_path, body.str(), fields.idempotency_key));
}

int hold_settle(Session& session, const SettleFields& fields) {
  JsonObject body;
  if (fields.event_id) {
    JsonObject event;
    event.text("id", *fields.event_id);
    event.given("source", fields.source);
    event.given("endpoint", fields.endpoint);
    event.given("time", fields.time);
    if (fields.failed) event.boolean("ok", false);
    event.given("results", fields.results);
    event.given("credits", fields.credits);
    body.raw("event", event.str());
  } else if (fields.credits) {
    body.text("credits", *fields.credits);
  } else {
    return report(session, {Exit::usage, "settle by CREDITS, or by the usage event: --event-id and --endpoint"});
  }
  return show_answer(session, Api(session).post(hold_path(fields.hold, "/settle"), body.str(), fields.idempotency_key));
}

int hold_release(Session& session, const ReleaseFields& fields) {
  return show_answer(session, Api(session).post(hold_path(fields.hold, "/release"), "{}", fields.idempotency_key));
}

int hold_show(Session& session, const std::string& hold) {
  return show_answer(session, Api(session).call("GET", hold_path(hold)));
}

}  // namespace tally::tools

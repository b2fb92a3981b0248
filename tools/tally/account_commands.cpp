// Accounts, their subscriptions and their keys.
#include "tools/tally/commands.h"
#include "tools/tally/show.h"

namespace tally::tools {
namespace {

constexpr const char* accounts_path = "/operator/v1/accounts";

std::string account_path(const std::string& id) {
  return accounts_path + ("/" + url_encoded(id));
}
std::string key_path(const std::string& id) {
  return "/operator/v1/keys/" + url_encoded(id);
}

void add_changeable(JsonObject& body, const AccountFields& fields) {
  body.given("name", fields.name);
  body.given("email", fields.email);
  body.given("password", fields.password);
  body.given("currency", fields.currency);
  body.given("overdraft_limit", fields.overdraft_limit);
  body.given("low_balance_thresholds", fields.low_balance_thresholds);
}

void add_changeable(JsonObject& body, const KeyFields& fields) {
  body.given("status", fields.status);
  body.given("name", fields.name);
  body.given("scopes", fields.scopes);
  body.given("allowed_ips", fields.allowed_ips);
  JsonObject limits;
  limits.given("per_second", fields.per_second);
  limits.given("per_minute", fields.per_minute);
  limits.given("per_hour", fields.per_hour);
  limits.given("per_day", fields.per_day);
  body.given("expires_at", fields.expires_at);
  if (!limits.empty()) body.raw("limits", limits.str());
}

int nothing_to_change(Session& session) {
  return report(session, {Exit::usage, "nothing to change: name at least one option (see --help)"});
}

}  // namespace

int account_create(Session& session, const AccountFields& fields) {
  JsonObject body;
  body.text("id", fields.id);
  add_changeable(body, fields);
  return show_answer(session, Api(session).post(accounts_path, body.str(), fields.idempotency_key));
}

int account_change(Session& session, const AccountFields& fields) {
  JsonObject body;
  add_changeable(body, fields);
  if (body.empty()) return nothing_to_change(session);
  return show_answer(session, Api(session).call("PATCH", account_path(fields.id), body.str()));
}

int account_show(Session& session, const std::string& id) {
  return show_answer(session, Api(session).call("GET", account_path(id)));
}

int account_list(Session& session, std::uint64_t limit) {
  return show_list(session, accounts_path, limit,
                   {{{"account"}, "id"},
                    {{"name"}, "name"},
                    {{"email"}, "email"},
                    {{"plan"}, "subscription.plan"},
                    {{"created"}, "created_at"}},
                   "no accounts yet; make one with: tally account create ID --name NAME --email ADDRESS");
}

int key_create(Session& session, const KeyFields& fields) {
  JsonObject body;
  body.given("kind", fields.kind);
  body.given("format", fields.format);
  add_changeable(body, fields);
  auto answer = Api(session).post(account_path(fields.id) + "/keys", body.str(), fields.idempotency_key);
  const int code = show_answer(session, answer);
  if (answer && !session.settings.json)
    session.err << "Keep the key and its secret now: the server never shows them again.\n";
  return code;
}

int key_change(Session& session, const KeyFields& fields) {
  JsonObject body;
  add_changeable(body, fields);
  if (body.empty()) return nothing_to_change(session);
  return show_answer(session, Api(session).call("PATCH", key_path(fields.id), body.str()));
}

int key_list(Session& session, const std::string& account, std::uint64_t limit) {
  return show_list(session, account_path(account) + "/keys", limit,
                   {{{"key"}, "id"},
                    {{"identity"}, "identity"},
                    {{"kind"}, "kind"},
                    {{"status"}, "status"},
                    {{"name"}, "name"},
                    {{"allowed ips"}, "allowed_ips"},
                    {{"created"}, "created_at"}},
                   "no keys; make one with: tally key create " + account);
}

int key_delete(Session& session, const std::string& id) {
  return show_deleted(session, Api(session).call("DELETE", key_path(id)), id);
}

int subscription_set(Session& session, const SubscriptionFields& fields) {
  JsonObject body;
  body.text("plan", fields.plan);
  body.given("monthly_allocation", fields.monthly_allocation);
  if (fields.unlimited) body.boolean("unlimited", true);
  if (fields.rollover) body.boolean("rollover", true);
  body.given("rollover_cap", fields.rollover_cap);
  return show_answer(session, Api(session).call("PUT", account_path(fields.account) + "/subscription", body.str()));
}

int subscription_show(Session& session, const std::string& account) {
  auto answer = Api(session).call("GET", account_path(account));
  if (!answer) return report(session, answer.error());
  show_object(session, (*answer)["subscription"]);
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools

#include "tools/tally/ledger_commands.h"

#include "tools/tally/ledger_paths.h"
#include "tools/tally/show.h"

namespace tally::tools {
namespace {

int finished(Session& session, const Json& answer, const std::string& words) {
  session.out << (session.settings.json ? answer.dump() : printable(words, true)) << "\n";
  return static_cast<int>(Exit::ok);
}

std::string balance_words(const Json& balance) {
  std::string words = "balance " + balance["balance"].text() + ", reserved " + balance["reserved"].text() +
                      ", available " + balance["available"].text();
  if (const std::string debt = balance["debt"].text(); debt != "0" && !debt.empty()) words += ", debt " + debt;
  return words;
}

const std::vector<ListColumn>& lot_columns() {
  static const std::vector<ListColumn> columns = {{{"lot"}, "id"},
                                                  {{"origin"}, "origin"},
                                                  {{"remaining", Align::decimal}, "remaining"},
                                                  {{"of", Align::decimal}, "amount"},
                                                  {{"priority", Align::right}, "priority"},
                                                  {{"purchased"}, "purchased_at"},
                                                  {{"expires"}, "expires_at"},
                                                  {{"reference"}, "reference"},
                                                  {{"description"}, "description"}};
  return columns;
}

int show_reload(Session& session, const ReloadFields& fields, const Outcome<Json>& answer) {
  if (!answer) return report(session, answer.error());
  if (!(*answer)["enabled"].exists() || session.settings.json) return finished(session, *answer, answer->dump());
  if ((*answer)["enabled"].text() != "true")
    return finished(session, *answer, "auto-reload of " + fields.account + " is off");
  const std::string cap = (*answer)["daily_cap"].text();
  return finished(session, *answer,
                  "auto-reload of " + fields.account + ": when less than " + (*answer)["threshold"].text() +
                      " is available, " + (*answer)["amount"].text() + " is bought" +
                      (cap.empty() ? "" : ", at most " + cap + " a day"));
}

}  // namespace

std::string account_path(const std::string& account, const std::string& rest) {
  return "/operator/v1/accounts/" + url_encoded(account) + rest;
}

int grant(Session& session, const GrantFields& fields) {
  JsonObject body;
  body.text("amount", fields.amount);
  body.given("purchased_at", fields.purchased_at);
  body.given("expires_at", fields.expires_at);
  if (fields.never_expires) body.raw("expires_at", "null");
  if (fields.priority) body.integer("priority", *fields.priority);
  body.given("reference", fields.reference);
  body.given("description", fields.description);
  auto answer = Api(session).post(account_path(fields.account, "/grants"), body.str(), fields.idempotency_key);
  if (!answer) return report(session, answer.error());
  const Json lot = (*answer)["lot"];
  const std::string expires = lot["expires_at"].text();
  return finished(session, *answer,
                  "granted " + fields.amount + " to " + fields.account + ": " + lot["id"].text() +
                      (expires.empty() ? ", never expires" : ", expires " + expires) + "; entry " +
                      (*answer)["entry"]["id"].text() + "\n" + balance_words((*answer)["balance"]));
}

int adjust(Session& session, const AdjustFields& fields) {
  JsonObject body;
  body.text("amount", fields.amount).text("description", fields.reason);
  body.given("reference", fields.reference);
  auto answer = Api(session).post(account_path(fields.account, "/adjustments"), body.str(), fields.idempotency_key);
  if (!answer) return report(session, answer.error());
  return finished(session, *answer,
                  "adjusted " + fields.account + " by " + fields.amount + ": entry " + (*answer)["entry"]["id"].text() +
                      "\n" + balance_words((*answer)["balance"]));
}

int reverse(Session& session, const ReverseFields& fields) {
  JsonObject body;
  body.text("account", fields.account).text("reason", fields.reason);
  const std::string source = fields.source.empty() ? "-" : url_encoded(fields.source);  // `-` stands for none
  auto answer = Api(session).post("/operator/v1/events/" + source + "/" + url_encoded(fields.id) + "/reverse",
                                  body.str(), fields.idempotency_key);
  if (!answer) return report(session, answer.error());
  const Json entry = (*answer)["entry"];
  return finished(session, *answer,
                  "reversed " + fields.id + ", which was charged " + (*answer)["credits"].text() +
                      (entry.is_object() ? ": " + entry["amount"].text() + " went back by " + entry["id"].text()
                                         : ": nothing had been debited"));
}

int reload(Session& session, const ReloadFields& fields) {
  const std::string path = account_path(fields.account, "/auto-reload");
  Api api(session);
  if (fields.off) {
    const auto now = api.call("GET", path);
    if (!now) return report(session, now.error());
    JsonObject body;
    body.boolean("enabled", false);
    // Figures that were never set are zeros, which a PUT refuses.
    if ((*now)["amount"].text() != "0" && (*now)["amount"].exists()) {
      for (const char* name : {"threshold", "amount", "daily_cap"}) {
        if (const Json value = (*now)[name]; value.exists()) body.raw(name, value.dump());
      }
    }
    return show_reload(session, fields, api.call("PUT", path, body.str()));
  }
  if (!fields.threshold && !fields.amount && !fields.daily_cap)
    return show_reload(session, fields, api.call("GET", path));
  if (!fields.threshold || !fields.amount)
    return report(session, {Exit::usage, "an auto-reload needs --threshold and --amount"});
  JsonObject body;
  body.boolean("enabled", true).text("threshold", *fields.threshold).text("amount", *fields.amount);
  body.given("daily_cap", fields.daily_cap);
  return show_reload(session, fields, api.call("PUT", path, body.str()));
}

int balance(Session& session, const std::string& account) {
  Api api(session);
  const auto figures = api.call("GET", account_path(account, "/balance"));
  if (!figures) return report(session, figures.error());
  Table table = table_of(lot_columns());
  std::string lots;
  std::string cursor;
  do {
    const auto page = api.call("GET", account_path(account, "/lots?status=open&limit=500") +
                                          (cursor.empty() ? "" : "&cursor=" + url_encoded(cursor)));
    if (!page) return report(session, page.error());
    const Json items = (*page)["items"];
    for (std::size_t i = 0; i < items.size(); ++i) {
      lots += (lots.empty() ? "" : ",") + items.item(i).dump();
      add_row(table, lot_columns(), items.item(i));
    }
    cursor = items.size() == 0 ? "" : (*page)["next_cursor"].text();
  } while (!cursor.empty());
  if (session.settings.json) {
    JsonObject out;
    out.text("account", account);
    for (const char* name : {"balance", "reserved", "available", "debt"}) out.text(name, (*figures)[name].text());
    session.out << out.raw("lots", "[" + lots + "]").str() << "\n";
    return static_cast<int>(Exit::ok);
  }
  show_object(session, *figures);
  if (table.empty()) {
    session.err << "no open lots; grant some with: tally grant " << printable(account) << " AMOUNT\n";
  } else {
    session.out << "\n" << table.to_text(session.settings.color);
  }
  return static_cast<int>(Exit::ok);
}

int ledger(Session& session, const LedgerQuery& query) {
  std::string path = account_path(query.account, "/ledger");
  const auto add_parameter = [&path](const char* name, const std::optional<std::string>& value) {
    if (value) path += (path.find('?') == std::string::npos ? "?" : "&") + (name + ("=" + url_encoded(*value)));
  };
  add_parameter("type", query.type);
  add_parameter("from", query.from);
  add_parameter("to", query.to);
  return show_list(session, path, query.limit,
                   {{{"entry"}, "id"},
                    {{"when"}, "created_at"},
                    {{"type"}, "type"},
                    {{"amount", Align::decimal}, "amount"},
                    {{"balance", Align::decimal}, "balance_after"},
                    {{"endpoint"}, "endpoint"},
                    {{"event"}, "event.id"},
                    {{"description"}, "description"}},
                   "no entries; credits come by: tally grant " + query.account + " AMOUNT");
}

}  // namespace tally::tools

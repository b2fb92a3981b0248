// Jobs, webhooks, deliveries and schedules.
#include "tools/tally/commands.h"
#include "tools/tally/report_flow.h"
#include "tools/tally/show.h"
#include "tools/tally/time_words.h"

namespace tally::tools {
namespace {

constexpr const char* webhooks_path = "/v1/webhooks";
constexpr const char* deliveries_path = "/operator/v1/deliveries";
constexpr const char* schedules_path = "/operator/v1/schedules";

std::string member(const std::string& collection, const std::string& id) {
  return collection + "/" + url_encoded(id);
}

Api as_customer(Session& session) {
  return Api(session, Api::Caller::customer);
}

bool without_key(Session& session, int& code) {
  if (!session.settings.key.empty()) return false;
  code = report(session, {Exit::usage, "as whom? give --key (and --secret), or TALLY_KEY and TALLY_SECRET"});
  return true;
}

// `call` as the customer, if there is a key.
template <class Call>
int for_customer(Session& session, Call call) {
  int code = 0;
  return without_key(session, code) ? code : call();
}

// `call` as who has the reports, if there is a key for it.
template <class Call>
int for_reports(Session& session, Call call) {
  if (session.settings.as_operator) return call(Api::Caller::operator_);
  return for_customer(session, [&] { return call(Api::Caller::customer); });
}

int replay_range(Session& session, const ReplayFields& fields) {
  const UtcTime now = session.clock.now();
  const auto from = time_in_words(*fields.from, now);
  const auto to = time_in_words(fields.to.value_or("now"), now);
  if (!from) return report(session, {Exit::usage, "--from: " + from.error().detail});
  if (!to) return report(session, {Exit::usage, "--to: " + to.error().detail});
  std::int64_t replayed = 0;
  std::int64_t skipped = 0;
  std::string cursor;
  do {
    JsonObject range;
    range.text("from", from->to_string()).text("to", to->to_string()).text("status", fields.status);
    if (fields.account) range.text("account", *fields.account);
    if (fields.webhook) range.text("webhook_id", *fields.webhook);
    if (!cursor.empty()) range.text("cursor", cursor);
    const auto answer = Api(session).post(deliveries_path + std::string("/replay"), range.str(), "");
    if (!answer) return report(session, answer.error());
    replayed += (*answer)["replayed"].integer();
    skipped += (*answer)["skipped"].integer();
    cursor = (*answer)["next_cursor"].text();
  } while (!cursor.empty());
  if (session.settings.json) {
    session.out << JsonObject().integer("replayed", replayed).integer("skipped", skipped).str() << "\n";
  } else {
    session.out << "sent again: " << replayed << (skipped > 0 ? ", skipped: " + std::to_string(skipped) : "") << "\n";
  }
  return static_cast<int>(Exit::ok);
}

int set_schedule_status(Session& session, const std::string& id, const char* status) {
  return show_answer(session,
                     Api(session).call("PATCH", member(schedules_path, id), JsonObject().text("status", status).str()));
}

}  // namespace

int job_list(Session& session, std::uint64_t limit) {
  return for_reports(session, [&](Api::Caller caller) {
    return show_list(session, reports_path(caller), limit,
                     {{{"report"}, "request_id"},
                      {{"status"}, "status"},
                      {{"done", Align::right}, "progress.done"},
                      {{"of", Align::right}, "progress.total"},
                      {{"created"}, "created_at"},
                      {{"finished"}, "finished_at"}},
                     "no reports yet; make one with: tally report", caller);
  });
}

int job_show(Session& session, const std::string& id) {
  return for_reports(session, [&](Api::Caller caller) {
    return show_answer(session, Api(session, caller).call("GET", member(reports_path(caller), id)));
  });
}

int job_cancel(Session& session, const std::string& id) {
  return for_reports(session, [&](Api::Caller caller) {
    return show_answer(session, Api(session, caller).call("DELETE", member(reports_path(caller), id)));
  });
}

int webhook_create(Session& session, const WebhookFields& fields) {
  return for_customer(session, [&] {
    const std::string body = JsonObject().text("url", fields.url).texts("events", fields.events).str();
    const auto answer = as_customer(session).post(webhooks_path, body, fields.idempotency_key);
    const int code = show_answer(session, answer);
    if (answer && !session.settings.json) session.err << "Keep the secret now: the server never shows it again.\n";
    return code;
  });
}

int webhook_list(Session& session) {
  return for_customer(session, [&] {
    return show_list(session, webhooks_path, 0,
                     {{{"webhook"}, "id"},
                      {{"url"}, "url"},
                      {{"events"}, "events"},
                      {{"status"}, "status"},
                      {{"because"}, "disabled_reason"},
                      {{"failing since"}, "failing_since"}},
                     "no webhooks; make one with: tally webhooks create URL --event credits.low",
                     Api::Caller::customer);
  });
}

int webhook_test(Session& session, const std::string& id) {
  return for_customer(session, [&] {
    return show_answer(session, as_customer(session).post(member(webhooks_path, id) + "/test", "", ""));
  });
}

int webhook_rotate(Session& session, const std::string& id) {
  return for_customer(session, [&] {
    return show_answer(session, as_customer(session).post(member(webhooks_path, id) + "/rotate-secret", "", ""));
  });
}

int webhook_enable(Session& session, const std::string& id) {
  return for_customer(session, [&] {
    return show_answer(session,
                       as_customer(session).call("PATCH", member(webhooks_path, id), R"({"status":"active"})"));
  });
}

int webhook_delete(Session& session, const std::string& id) {
  return for_customer(session, [&] {
    return show_deleted(session, as_customer(session).call("DELETE", member(webhooks_path, id)), id);
  });
}

int delivery_list(Session& session, const std::string& status, std::uint64_t limit) {
  return show_list(session, deliveries_path + (status.empty() ? "" : "?status=" + url_encoded(status)), limit,
                   {{{"delivery"}, "id"},
                    {{"account"}, "account"},
                    {{"event"}, "event"},
                    {{"status"}, "status"},
                    {{"attempts", Align::right}, "attempts"},
                    {{"answer", Align::right}, "last_status"},
                    {{"error"}, "last_error"},
                    {{"created"}, "created_at"}},
                   "no deliveries");
}

int delivery_show(Session& session, const std::string& id) {
  const auto answer = Api(session).call("GET", member(deliveries_path, id));
  if (!answer || session.settings.json) return show_answer(session, answer);
  JsonObject head;
  for (const std::string& name : answer->names()) {
    if (name != "log") head.raw(name, (*answer)[name].dump());
  }
  const auto shown = Json::parse(head.str());
  if (shown) show_object(session, *shown);
  const std::vector<ListColumn> columns = {{{"attempt"}, "started_at"},
                                           {{"ms", Align::right}, "took_ms"},
                                           {{"answer", Align::right}, "status"},
                                           {{"error"}, "error"},
                                           {{"response"}, "response"}};
  Table log = table_of(columns);
  const Json attempts = (*answer)["log"];
  for (std::size_t i = 0; i < attempts.size(); ++i) add_row(log, columns, attempts.item(i));
  if (!log.empty()) session.out << "\n" << log.to_text(session.settings.color);
  return static_cast<int>(Exit::ok);
}

int delivery_replay(Session& session, const ReplayFields& fields) {
  if (fields.id.empty() == !fields.from)
    return report(session, {Exit::usage, "name one delivery, or a range with --from"});
  if (fields.from) return replay_range(session, fields);
  return show_answer(session,
                     Api(session).post(member(deliveries_path, fields.id) + "/replay", "", fields.idempotency_key));
}

int schedule_create(Session& session, const ScheduleFields& fields) {
  JsonObject order;
  order.text("type", fields.type).text("period", fields.period).text("granularity", fields.granularity);
  if (!fields.group_by.empty()) order.texts("group_by", fields.group_by);
  if (fields.format) order.text("format", *fields.format);
  if (fields.account == "*") order.text("accounts", "*");
  JsonObject body;
  if (fields.account != "*") body.text("account", fields.account);
  body.text("when", fields.when).raw("report", order.str());
  if (fields.name) body.text("name", *fields.name);
  if (fields.callback_url) body.text("callback_url", *fields.callback_url);
  if (fields.start_at) {
    const auto start = time_in_words(*fields.start_at, session.clock.now());
    if (!start) return report(session, {Exit::usage, "--start: " + start.error().detail});
    body.text("start_at", start->to_string());
  }
  return show_answer(session, Api(session).post(schedules_path, body.str(), fields.idempotency_key));
}

int schedule_list(Session& session, std::uint64_t limit) {
  return show_list(session, schedules_path, limit,
                   {{{"schedule"}, "id"},
                    {{"account"}, "account"},
                    {{"name"}, "name"},
                    {{"when"}, "when"},
                    {{"status"}, "status"},
                    {{"next"}, "next_due_at"},
                    {{"fired", Align::right}, "fired"},
                    {{"skipped", Align::right}, "skipped"}},
                   "no schedules; make one with: tally schedule create ACCOUNT monthly");
}

int schedule_show(Session& session, const std::string& id) {
  return show_answer(session, Api(session).call("GET", member(schedules_path, id)));
}

int schedule_pause(Session& session, const std::string& id) {
  return set_schedule_status(session, id, "paused");
}

int schedule_resume(Session& session, const std::string& id) {
  return set_schedule_status(session, id, "active");
}

int schedule_delete(Session& session, const std::string& id) {
  return show_deleted(session, Api(session).call("DELETE", member(schedules_path, id)), id);
}

}  // namespace tally::tools

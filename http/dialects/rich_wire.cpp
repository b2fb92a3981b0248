#include "http/dialects/rich_wire.h"

#include "http/answers.h"
#include "http/problem.h"

namespace tally::http {
namespace {

constexpr EntryType all_entry_types[] = {EntryType::grant, EntryType::debit, EntryType::adjustment, EntryType::expiry,
                                         EntryType::reversal};
constexpr std::string_view problem_type = "application/problem+json";

std::string error_json(std::string_view code, std::string_view message) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().key("error").begin_object().field("code", code).field("message", message);
  out.end_object().end_object();
  return json;
}

// What the ledger knows of an entry that the document has no member for.
void write_metadata(JsonWriter& out, const LedgerEntry& entry) {
  if (!entry.metadata.empty()) {
    out.raw(entry.metadata);
    return;
  }
  out.begin_object().field("kind", to_string(entry.type));
  if (!entry.endpoint.empty()) out.field("endpoint", entry.endpoint);
  if (!entry.event_id.empty()) out.field("event_id", entry.event_id).field("event_source", entry.event_source);
  if (entry.reverses != 0) out.field("reverses", static_cast<std::int64_t>(entry.reverses));
  out.end_object();
}

}  // namespace

Response rich_error(int status, std::string_view code, std::string_view message) {
  Response response = json_response(status, error_json(code, message));
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response rich_failure(const Error& error) {
  return rich_from_problem(problem(error));
}

Response rich_from_problem(Response response) {
  if (response.content_type != problem_type) return response;
  const auto told = parse_json(response.body);
  const auto text = [&](std::string_view name) {
    const JsonValue* value = told ? told->find(name) : nullptr;
    return value ? value->text : std::string();
  };
  const std::string message = text("detail");
  response.content_type = "application/json";
  response.body = error_json(text("code"), message.empty() ? text("title") : message);
  return response;
}

std::optional<JsonValue> rich_body(Request& request, Response& refusal) {
  auto body = json_body(request, refusal);
  if (body && body->kind != JsonValue::Kind::object) {
    refusal = rich_error(422, "invalid_body", "the body must be a JSON object");
    return std::nullopt;
  }
  if (!body) refusal = rich_from_problem(std::move(refusal));
  return body;
}

Result<std::string> rich_text(const JsonValue& body, std::string_view name) {
  const JsonValue* value = body.find(name);
  if (!value) return fail(Errc::invalid_argument, std::string(name) + " is missing", "missing_" + std::string(name));
  if (value->kind != JsonValue::Kind::string)
    return fail(Errc::invalid_argument, std::string(name) + " must be a string", "invalid_" + std::string(name));
  return value->text;
}

std::string_view rich_period(Granularity granularity) noexcept {
  switch (granularity) {
    case Granularity::day:
      return "daily";
    case Granularity::year:
      return "yearly";
    case Granularity::month:
    case Granularity::hour:
    case Granularity::total:
      return "monthly";
  }
  return "monthly";
}

std::optional<Granularity> parse_rich_period(std::string_view word) noexcept {
  for (const Granularity granularity : {Granularity::day, Granularity::month, Granularity::year}) {
    if (word == rich_period(granularity)) return granularity;
  }
  return std::nullopt;
}

void write_stats(JsonWriter& out, const Account& account, Granularity period, const RichStats& stats) {
  out.field("user_id", static_cast<std::int64_t>(account.user_id)).field("period", rich_period(period));
  out.field("total_requests", stats.totals.requests).field("successful_requests", stats.totals.ok);
  out.field("failed_requests", stats.totals.failed).key("credits_consumed");
  out.credits_number(Credits::from_micros(stats.totals.credits_micros)).key("requests_by_endpoint").begin_object();
  for (const auto& [endpoint, requests] : stats.requests_by_endpoint) out.field(endpoint, requests);
  out.end_object().field("period_start", stats.range.from).field("period_end", stats.range.to);
}

void write_credit_balance(JsonWriter& out, const Account& account, const LedgerState& state) {
  out.begin_object().field("user_id", static_cast<std::int64_t>(account.user_id));
  out.key("balance").credits_number(state.balance).key("reserved").credits_number(state.reserved);
  out.key("available").credits_number(state.available()).field("currency", account.currency);
  out.field("last_updated", state.last_entry == 0 ? account.created_at : state.last_at);
  out.field("auto_reload_enabled", account.reload.enabled);
  out.key("auto_reload_threshold").credits_number(account.reload.threshold);
  out.key("auto_reload_amount").credits_number(account.reload.amount).end_object();
}

void write_rich_subscription(JsonWriter& out, const Subscription& subscription, UtcTime now) {
  out.begin_object().field("plan", subscription.plan).field("status", "active").key("monthly_allocation");
  if (subscription.monthly_allocation) {
    out.credits_number(*subscription.monthly_allocation);
  } else {
    out.null();
  }
  out.field("unlimited", subscription.unlimited);
  out.field("current_period_start", floor_to(Granularity::month, now));
  out.field("current_period_end", next_after(Granularity::month, now)).end_object();
}

std::string_view rich_entry_type(EntryType type) noexcept {
  switch (type) {
    case EntryType::grant:
      return "credit";
    case EntryType::debit:
      return "debit";
    case EntryType::adjustment:
    case EntryType::expiry:
    case EntryType::reversal:
      return "adjustment";
  }
  return "adjustment";
}

std::optional<std::vector<EntryType>> rich_entry_types(std::string_view word) {
  std::vector<EntryType> types;
  for (const EntryType type : all_entry_types) {
    if (rich_entry_type(type) == word) types.push_back(type);
  }
  if (types.empty()) return std::nullopt;
  return types;
}

void write_rich_entry(JsonWriter& out, const Account& account, const LedgerEntry& entry) {
  out.begin_object().field("id", static_cast<std::int64_t>(entry.seq));
  out.field("user_id", static_cast<std::int64_t>(account.user_id)).field("type", rich_entry_type(entry.type));
  out.key("amount").credits_number(entry.amount).key("balance_after").credits_number(entry.balance_after);
  out.field("description", entry.description).field("reference", entry.reference).key("metadata");
  write_metadata(out, entry);
  out.field("created_at", entry.created_at).end_object();
}

}  // namespace tally::http

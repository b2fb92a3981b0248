#include "http/dialects/yebto.h"

#include <algorithm>
#include <vector>

#include "http/answers.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr RateLimits yebto_limits{.per_second = 20, .per_minute = {}, .per_hour = {}, .per_day = {}};
constexpr Credits default_price = Credits::from_micros(100);
constexpr std::size_t endpoints_max = 50;
constexpr std::string_view cost_endpoint = "credits/cost";
constexpr std::string_view balance_endpoint = "credits/balance";
constexpr std::string_view event_source = "yeb.to";

constexpr std::string_view nothing_asked = R"(Provide "endpoint" (string) or "endpoints" (array).)";
constexpr std::string_view who_is_it = "Cannot resolve user from API key.";

Response yebto_refusal(const Refusal& refusal) {
  switch (refusal.why) {
    case Refused::missing_key:
    case Refused::unknown_key:
    case Refused::missing_secret:
    case Refused::wrong_secret:
    case Refused::expired:
      return Yebto::error(401, who_is_it);
    case Refused::disabled:
      return Yebto::error(403, "This API key is inactive.");
    case Refused::wrong_address:
      return Yebto::error(403, "This API key is not allowed from this address.");
    case Refused::wrong_scope:
      return Yebto::error(403, "This API key is not allowed to read the account.");
    case Refused::rate_limited: {
      Response response = Yebto::error(429, "Too many requests.");
      add_rate_headers(response, refusal.rate);
      return response;
    }
  }
  return Yebto::error(500, "Unexpected error.");
}

Response yebto_failure(const Error& error) {
  if (error.code != Errc::exhausted && error.code != Errc::unavailable) return Yebto::error(500, "Unexpected error.");
  Response response = Yebto::error(503, "Service unavailable, try again shortly.");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The body as an object, or the answer to one that is none. An empty body asks for nothing, in any media type.
std::variant<JsonValue, Response> read_body(Request& request) {
  JsonValue nothing;
  nothing.kind = JsonValue::Kind::object;
  if (request.body.empty()) return nothing;
  if (!has_json_body(request)) return Yebto::error(415, "The body must be application/json.");
  auto body = parse_json(std::move(request.body));
  if (!body) return Yebto::error(400, "The body cannot be read: " + body.error().detail);
  if (body->kind != JsonValue::Kind::object) return Yebto::error(400, "The body must be a JSON object.");
  return std::move(*body);
}

// A member that says something: null and "" and [] are as good as absent.
const JsonValue* given(const JsonValue& body, std::string_view name) {
  const JsonValue* value = body.find(name);
  if (value == nullptr || value->kind == JsonValue::Kind::null) return nullptr;
  if (value->kind == JsonValue::Kind::string && value->text.empty()) return nullptr;
  if (value->kind == JsonValue::Kind::array && value->items.empty()) return nullptr;
  return value;
}

Presented presented_in(const Request& request, const JsonValue* body) {
  Presented presented{request.header("x-api-key"), request.header("x-api-secret")};
  const JsonValue* key = body == nullptr ? nullptr : body->find("api_key");
  const bool in_header = presented.key && !presented.key->empty();
  if (!in_header && key != nullptr && key->kind == JsonValue::Kind::string) presented.key = key->text;
  return presented;
}

// What one call costs: the listed price, whatever its unit is; failed calls are charged too.
void set_charge(UsageEvent& event, const PriceBook& prices) {
  const Price* price = prices.find(event.endpoint, event.time);
  const Credits due = price ? price->credits : default_price;
  const auto listed = charge(event, prices);
  if (!price || !listed || listed->credits != due) event.credits = due;
}

}  // namespace

Yebto::Yebto(Credentials& credentials, storage::Meter& meter, storage::Ledgers& ledgers,
             const storage::Directory& directory, Clock& clock, Random& random)
    : credentials_(credentials),
      meter_(meter),
      ledgers_(ledgers),
      directory_(directory),
      clock_(clock),
      random_(random) {}

void Yebto::add_to(Router& router) {
  const auto add = [&](std::string_view endpoint, const Read& read) {
    router.add("POST", "/v1/" + std::string(endpoint),
               [this, endpoint = std::string(endpoint), read](Request&& request, const Reply& reply) {
                 call(std::move(request), reply, endpoint, read);
               });
  };
  add(cost_endpoint, [this](const JsonValue& body) { return cost(body); });
  add(balance_endpoint, [](const JsonValue&) -> Outcome {
    return Write([](JsonWriter& out, Credits left) { out.key("credits").credits_number(left); });
  });
}

Response Yebto::error(int status, std::string_view text) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("error", text).field("code", std::int64_t{status}).end_object();
  return json_response(status, std::move(json));
}

void Yebto::call(Request&& request, const Reply& reply, const std::string& endpoint, const Read& read) {
  const MonoTime begun = clock_.mono();
  auto parsed = read_body(request);
  const JsonValue* body = std::get_if<JsonValue>(&parsed);
  const Presented presented = presented_in(request, body);
  if ((!presented.key || presented.key->empty()) && body == nullptr)
    return reply(std::get<Response>(std::move(parsed)));
  const auto checked =
      credentials_.check(request, presented, {.scope = Scope::account, .default_limits = yebto_limits});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(yebto_refusal(*refused));
  charge(std::get<Caller>(checked), endpoint, body != nullptr ? read(*body) : std::get<Response>(std::move(parsed)),
         reply, begun);
}

void Yebto::charge(const Caller& caller, const std::string& endpoint, Outcome outcome, const Reply& reply,
                   MonoTime begun) {
  const AccountId account = caller.account->id;
  UsageEvent event;
  event.id = make_id(random_, "call");
  event.source = event_source;
  event.account = account;
  event.endpoint = endpoint;
  event.time = clock_.now();
  event.ok = std::holds_alternative<Write>(outcome);
  event.results = event.ok ? 1 : 0;
  event.key = caller.key->id.str();
  set_charge(event, *directory_.prices());
  const auto answer = [reply, rate = caller.rate](Response response) {
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  const auto show = [this, outcome = std::move(outcome), answer, begun](Credits spent, Credits left) {
    if (const auto* refused = std::get_if<Response>(&outcome)) return answer(*refused);
    std::string json;
    JsonWriter out(json);
    out.begin_object();
    std::get<Write>(outcome)(out, left);
    out.key("credits_spent").credits_number(spent).key("credits_left").credits_number(left);
    out.field("response_code", std::int64_t{200});
    out.field("response_time_ms", (clock_.mono().ns - begun.ns) / 1'000'000).end_object();
    answer(json_response(200, std::move(json)));
  };
  const bool debited = !caller.account->subscription.unlimited;
  meter_.ingest(account, {std::move(event)},
                [this, account, debited, show, answer](const Result<storage::Ingested>& ingested) {
                  if (!ingested) return answer(yebto_failure(ingested.error()));
                  if (ingested->accepted != 1) return answer(error(500, "Unexpected error."));
                  const Credits spent = debited ? ingested->credits : Credits();
                  ledgers_.read(account, [show, answer, spent](const Result<LedgerState>& state) {
                    if (!state) return answer(yebto_failure(state.error()));
                    show(spent, state->available());
                  });
                });
}

Yebto::Outcome Yebto::cost(const JsonValue& body) const {
  if (const JsonValue* list = given(body, "endpoints")) {
    if (list->kind != JsonValue::Kind::array) return error(422, nothing_asked);
    if (list->items.size() > endpoints_max) return error(422, R"("endpoints" may hold up to 50 endpoints.)");
    std::vector<std::string> asked;
    for (const JsonValue& item : list->items) {
      if (item.kind != JsonValue::Kind::string) return error(422, R"("endpoints" must hold strings only.)");
      if (std::find(asked.begin(), asked.end(), item.text) == asked.end()) asked.push_back(item.text);
    }
    return Write([this, asked = std::move(asked)](JsonWriter& out, Credits) {
      out.key("costs").begin_object();
      for (const std::string& endpoint : asked) write_cost(out.key(endpoint), endpoint);
      out.end_object();
    });
  }
  const JsonValue* one = given(body, "endpoint");
  if (one == nullptr || one->kind != JsonValue::Kind::string) return error(422, nothing_asked);
  return Write([this, endpoint = one->text](JsonWriter& out, Credits) {
    out.field("endpoint", endpoint);
    write_cost(out.key("credits"), endpoint);
  });
}

void Yebto::write_cost(JsonWriter& out, std::string_view endpoint) const {
  const auto prices = directory_.prices();
  if (const Price* price = prices->find(endpoint, clock_.now())) {
    out.credits_number(price->credits);
  } else if (endpoint == cost_endpoint || endpoint == balance_endpoint) {
    out.credits_number(default_price);
  } else {
    out.null();
  }
}

}  // namespace tally::http

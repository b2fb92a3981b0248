#include "http/dialects/narakeet.h"

#include <algorithm>
#include <limits>

#include "http/answers.h"
#include "http/json_writer.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr RateLimits narakeet_limits{.per_second = {}, .per_minute = {}, .per_hour = {}, .per_day = 86'400};

Response narakeet_refusal(const Refusal& refusal) {
  switch (refusal.why) {
    case Refused::missing_key:
      return Narakeet::error(401, "Send your API key in the header x-api-key");
    case Refused::unknown_key:
    case Refused::missing_secret:
    case Refused::wrong_secret:
    case Refused::expired:
      return Narakeet::error(401, "The API key is not valid");
    case Refused::disabled:
      return Narakeet::error(403, "This API key is disabled");
    case Refused::wrong_address:
      return Narakeet::error(403, "This API key does not work from this address");
    case Refused::wrong_scope:
      return Narakeet::error(403, "This API key may not read the account");
    case Refused::rate_limited: {
      Response response = Narakeet::error(429, "Too many requests with this API key");
      add_rate_headers(response, refusal.rate);
      return response;
    }
  }
  return Narakeet::error(500, "Internal server error");
}

}  // namespace

std::int64_t credit_seconds(Credits available, std::int64_t micros_per_credit) noexcept {
  __extension__ using Wide = __int128;
  constexpr std::int64_t micros_per_second = 1'000'000;
  constexpr Wide one = Wide{Credits::micros_per_credit} * micros_per_second;
  const Wide seconds = Wide{available.micros()} * micros_per_credit / one;
  return static_cast<std::int64_t>(std::clamp(seconds, Wide{0}, Wide{std::numeric_limits<std::int64_t>::max()}));
}

void Narakeet::add_to(Router& router) {
  router.add("GET", "/account/credits", [this](Request&& request, const Reply& reply) { credits(request, reply); });
}

Response Narakeet::error(int status, std::string_view message) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("message", message).end_object();
  return json_response(status, std::move(json));
}

void Narakeet::credits(const Request& request, const Reply& reply) {
  const Presented presented{request.header("x-api-key"), request.header("x-api-secret")};
  const auto checked =
      credentials_.check(request, presented, {.scope = Scope::account, .default_limits = narakeet_limits});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(narakeet_refusal(*refused));
  const Caller& caller = std::get<Caller>(checked);
  ledgers_.read(caller.account->id, [this, reply, caller, id = request.id](const Result<LedgerState>& state) {
    Response response = error(503, "Try again shortly");
    if (state) {
      std::string json;
      JsonWriter out(json);
      out.begin_object().field("creditSeconds", credit_seconds(state->available(), micros_per_credit_));
      out.field("requestId", id).field("identity", caller.key->identity);
      out.field("billingId", caller.account->billing_id).field("plan", caller.account->subscription.plan).end_object();
      response = json_response(200, std::move(json));
    }
    add_rate_headers(response, caller.rate);
    reply(std::move(response));
  });
}

}  // namespace tally::http

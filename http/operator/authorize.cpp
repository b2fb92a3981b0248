#include "http/operator/authorize.h"

#include "core/event.h"
#include "core/price.h"
#include "http/answers.h"
#include "http/ledger_wire.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

std::string_view code_of(Refused why) {
  switch (why) {
    case Refused::missing_key:
    case Refused::unknown_key:
      return "invalid_api_key";
    case Refused::missing_secret:
      return "missing_api_secret";
    case Refused::wrong_secret:
      return "invalid_api_secret";
    case Refused::disabled:
      return "api_key_disabled";
    case Refused::expired:
      return "api_key_expired";
    case Refused::wrong_address:
      return "ip_not_allowed";
    case Refused::wrong_scope:
      return "scope_not_allowed";
    case Refused::rate_limited:
      return "rate_limit_exceeded";
  }
  return "invalid_api_key";
}

void write_rate(JsonWriter& out, const RateState& rate) {
  out.key("rate_limit");
  if (rate.limit == 0) {
    out.null();
    return;
  }
  out.begin_object().field("limit", std::int64_t{rate.limit}).field("remaining", std::int64_t{rate.remaining});
  out.field("reset_seconds", rate.reset_seconds).field("reset_at", rate.reset_at).end_object();
}

Response refused(std::string_view code, const RateState& rate = {}) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("allowed", false).field("code", code);
  if (!rate.allowed) out.field("retry_after", rate.reset_seconds);
  write_rate(out, rate);
  out.end_object();
  return json_response(200, std::move(json));
}

Response allowed(const AccountId& account, const Hold& hold, Credits available, const RateState& rate) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("allowed", true).field("account", account.str());
  out.field("hold", hold_id(account, hold.number)).key("credits").credits_string(hold.credits);
  out.key("price_version");
  if (hold.price_version > 0) {
    out.number(hold.price_version);
  } else {
    out.null();
  }
  out.key("available").credits_string(available).field("expires_at", hold.expires_at);
  write_rate(out, rate);
  out.end_object();
  return json_response(200, std::move(json));
}

}  // namespace

OperatorAuthorize::OperatorAuthorize(const Credentials& credentials, storage::CallLimits& limits,
                                     const storage::Directory& directory, storage::Ledgers& ledgers,
                                     Idempotency& idempotency, const Clock& clock)
    : credentials_(credentials),
      limits_(limits),
      directory_(directory),
      ledgers_(ledgers),
      idempotency_(idempotency),
      clock_(clock) {}

void OperatorAuthorize::add_to(Router& router, const OperatorGuard& guard) {
  router.add("POST", "/operator/v1/authorize",
             guard([this](Request&& request, const Reply& reply) { authorize(std::move(request), reply); }));
}

void OperatorAuthorize::authorize(Request&& request, const Reply& reply) {
  Response refusal;
  auto asked = read_call(request, CallSide::operator_side, refusal);
  if (!asked) return reply(std::move(refusal));
  JsonReader in(asked->body);
  const std::string key = in.string("key");
  const auto secret = in.optional_string("secret");
  Call call;
  const auto ip = IpAddress::parse(in.string("ip"));
  if (ip) {
    call.ip = *ip;
  } else {
    in.refuse("ip", "must be an IPv4 or IPv6 address");
  }
  call.endpoint = in.string("endpoint");
  if (call.endpoint.empty() || call.endpoint.size() > event_endpoint_bytes_max)
    in.refuse("endpoint", "must be 1 to 255 bytes");
  call.quantity = in.optional_integer("quantity", 0, event_results_max).value_or(1);
  const std::int64_t ttl_seconds_max = hold_ttl_ms_max / second_ms;
  call.ttl_ms = second_ms * in.optional_integer("ttl_seconds", 1, ttl_seconds_max).value_or(minute_ms / second_ms);
  if (auto good = in.finish(); !good) return reply(problem(good.error()));

  const auto known = credentials_.recognise({key, secret}, false);
  if (const auto* why = std::get_if<Refused>(&known)) return reply(refused(code_of(*why)));
  const auto& record = std::get<storage::Directory::KeyPtr>(known);
  const auto effect = [this, id = record->id, call = std::move(call)](storage::AccountTx& tx) {
    return decide(tx, id, call);
  };
  idempotency_.run(record->account, std::move(asked->key), effect, reply);
}

// The key is judged as it is committed now: it may have been disabled since it was recognised.
Result<Response> OperatorAuthorize::decide(storage::AccountTx& tx, const KeyId& id, const Call& call) {
  const auto key = directory_.key(id);
  if (const auto why = credentials_.judge(*key, call.ip, Scope::calls)) return refused(code_of(*why));
  const auto price = quote(*directory_.prices(), call.endpoint, call.quantity, clock_.now());
  if (!price) return problem(price.error());
  Result<void> changed;
  Result<Hold> hold = fail(Errc::rate_limited, "");
  Credits available;
  const RateState rate = limits_.take(tx, id, key->limits, [&] {
    changed = ledgers_.change(tx, [&](Ledger& ledger) {
      hold = ledger.hold({price->credits, call.ttl_ms, call.endpoint, price->price_version});
      available = ledger.state().available();
    });
    return changed && hold;
  });
  if (!changed) return changed.error();
  if (!rate.allowed) return refused(code_of(Refused::rate_limited), rate);
  if (hold) return allowed(tx.account(), *hold, available, rate);
  if (hold.error().code == Errc::insufficient_credits) return refused("insufficient_credits", rate);
  if (hold.error().code == Errc::rate_limited) return refused(hold.error().rule, rate);
  return problem(hold.error());
}

}  // namespace tally::http

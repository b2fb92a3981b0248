#include "http/operator/holds.h"

#include "core/codec.h"
#include "core/event.h"
#include "http/answers.h"
#include "http/event_json.h"
#include "http/ledger_effect.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::int64_t ttl_seconds_max = hold_ttl_ms_max / second_ms;

Response hold_response(int status, const AccountId& account, const Hold& hold) {
  std::string json;
  JsonWriter out(json);
  write_hold(out, account, hold);
  return json_response(status, std::move(json));
}

Response no_such_hold() {
  return problem(404, "not_found", "no such hold");
}

// What a resolution answers that did not find the hold open: the first one's answer if it was the same.
template <class Same>
Response answer_resolved(storage::Ledgers& ledgers, storage::AccountTx& tx, std::uint64_t number, Same same) {
  const auto hold = ledgers.hold_in(tx, number);
  if (!hold) return hold.error().code == Errc::not_found ? no_such_hold() : problem(hold.error());
  if (same(*hold)) return hold_response(200, tx.account(), *hold);
  return problem(409, "hold_resolved", "the hold is " + std::string(to_string(hold->status)) + " already");
}

// Resolves an open hold by `resolve`, or answers as above.
template <class Resolve, class Same>
Idempotency::Effect resolution(storage::Ledgers& ledgers, std::uint64_t number, Resolve resolve, Same same) {
  return [&ledgers, number, resolve, same](storage::AccountTx& tx) -> Result<Response> {
    Result<Hold> resolved = fail(Errc::not_found, "");
    if (auto changed = ledgers.change(tx, [&](Ledger& ledger) { resolved = resolve(ledger); }); !changed)
      return changed.error();
    if (resolved) return hold_response(200, tx.account(), *resolved);
    if (resolved.error().code != Errc::not_found) return problem(resolved.error());
    return answer_resolved(ledgers, tx, number, same);
  };
}

}  // namespace

OperatorHolds::OperatorHolds(storage::Ledgers& ledgers, storage::Meter& meter, const storage::Directory& directory,
                             Idempotency& idempotency, const Clock& clock)
    : ledgers_(ledgers), meter_(meter), directory_(directory), idempotency_(idempotency), clock_(clock) {}

void OperatorHolds::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorHolds::*handler)(Request&&, Reply)) {
    router.add(method, path, guard([this, handler](Request&& request, Reply reply) {
                 (this->*handler)(std::move(request), std::move(reply));
               }));
  };
  add("POST", "/operator/v1/holds", &OperatorHolds::create);
  add("GET", "/operator/v1/holds/{id}", &OperatorHolds::show);
  add("POST", "/operator/v1/holds/{id}/settle", &OperatorHolds::settle);
  add("POST", "/operator/v1/holds/{id}/release", &OperatorHolds::release);
}

std::optional<HoldName> OperatorHolds::hold_of(const Request& request, const Reply& reply) const {
  auto name = parse_hold_id(request.path_param("id"));
  if (!name || !directory_.account(name->account)) {
    reply(no_such_hold());
    return std::nullopt;
  }
  return name;
}

// `credits` as they are, or `endpoint` and `quantity` by the price in force; what has no price costs nothing.
Result<HoldRequest> OperatorHolds::read_hold(JsonReader& in) const {
  HoldRequest hold;
  hold.ttl_ms = second_ms * in.optional_integer("ttl_seconds", 1, ttl_seconds_max).value_or(hold.ttl_ms / second_ms);
  const auto credits = in.optional_credits("credits");
  const auto quantity = in.optional_integer("quantity", 0, event_results_max);
  if (credits) {
    hold.credits = *credits;
    if (credits->negative()) in.refuse("credits", "must not be negative");
    if (in.has("endpoint") || quantity) in.refuse("credits", "or endpoint and quantity, not both");
    if (auto good = in.finish(); !good) return good.error();
    return hold;
  }
  if (!in.has("endpoint")) static_cast<void>(in.credits("credits"));  // missing_credits
  hold.endpoint = in.optional_string("endpoint").value_or("");
  if (in.has("endpoint") && (hold.endpoint.empty() || hold.endpoint.size() > event_endpoint_bytes_max))
    in.refuse("endpoint", "must be 1 to 255 bytes");
  if (auto good = in.finish(); !good) return good.error();
  const auto price = quote(*directory_.prices(), hold.endpoint, quantity.value_or(1), clock_.now());
  if (!price) return price.error();
  hold.credits = price->credits;
  hold.price_version = price->price_version;
  return hold;
}

void OperatorHolds::create(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  JsonReader in(call->body);
  const AccountId id(in.string("account"));
  const auto wanted = read_hold(in);
  if (!wanted) return reply(problem(wanted.error()));
  if (!directory_.account(id)) return reply(problem(404, "not_found", "no such account"));
  const auto decide = [id, wanted = *wanted](Ledger& ledger) {
    const auto hold = ledger.hold(wanted);
    return hold ? hold_response(201, id, *hold) : problem(hold.error());
  };
  idempotency_.run(id, std::move(call->key), ledger_effect(ledgers_, decide), reply);
}

void OperatorHolds::show(Request&& request, Reply reply) {
  const auto name = hold_of(request, reply);
  if (!name) return;
  // Read first, as it posts what is due: the hold may just have expired.
  ledgers_.read(name->account, [this, name = *name, reply](const Result<LedgerState>& state) {
    if (!state) return reply(problem(state.error()));
    const auto hold = ledgers_.hold(name.account, name.number);
    if (!hold) return reply(hold.error().code == Errc::not_found ? no_such_hold() : problem(hold.error()));
    reply(hold_response(200, name.account, *hold));
  });
}

void OperatorHolds::settle(Request&& request, Reply reply) {
  const auto name = hold_of(request, reply);
  if (!name) return;
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  JsonReader in(call->body);
  if (const JsonValue* object = in.optional_object("event")) {
    if (in.has("credits")) in.refuse("event", "or credits, not both");
    if (auto good = in.finish(); !good) return reply(problem(good.error()));
    auto event = read_event(*object, "event", name->account, clock_.now());
    if (!event) return reply(problem(event.error()));
    return settle_with_event(*name, std::move(call->key), std::move(*event), reply);
  }
  const Credits credits = in.credits("credits");
  if (credits.negative()) in.refuse("credits", "must not be negative");
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  settle_with_credits(*name, std::move(call->key), credits, reply);
}

void OperatorHolds::settle_with_credits(const HoldName& hold, CallKey key, Credits credits, const Reply& reply) {
  const auto resolve = [number = hold.number, credits](Ledger& ledger) -> Result<Hold> {
    const auto open = ledger.state().holds.find(number);
    if (open == ledger.state().holds.end()) return fail(Errc::not_found, "no such open hold");
    Debit debit;
    debit.amount = credits;
    debit.endpoint = open->second.endpoint;
    debit.price_version = open->second.price_version;
    return ledger.settle(number, debit);
  };
  const auto same = [credits](const Hold& stored) {
    return stored.status == HoldStatus::settled && stored.event_id.empty() && stored.settled == credits;
  };
  idempotency_.run(hold.account, std::move(key), resolution(ledgers_, hold.number, resolve, same), reply);
}

// The same event settles a hold once however often it is sent, so the record may follow the effect.
void OperatorHolds::settle_with_event(const HoldName& hold, CallKey key, UsageEvent event, const Reply& reply) {
  const auto effect = [this, hold, event = std::move(event)](Idempotency::Answer answer) {
    meter_.settle(event, hold.number,
                  [account = hold.account, answer = std::move(answer)](const Result<Hold>& settled) {
                    answer(settled ? hold_response(200, account, *settled) : problem(settled.error()));
                  });
  };
  idempotency_.run_apart(hold.account, std::move(key), effect, reply);
}

void OperatorHolds::release(Request&& request, Reply reply) {
  const auto name = hold_of(request, reply);
  if (!name) return;
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal, CallBody::optional);
  if (!call) return reply(std::move(refusal));
  if (auto good = JsonReader(call->body).finish(); !good) return reply(problem(good.error()));
  const auto resolve = [number = name->number](Ledger& ledger) { return ledger.release(number); };
  const auto same = [](const Hold& stored) { return stored.status == HoldStatus::released; };
  idempotency_.run(name->account, std::move(call->key), resolution(ledgers_, name->number, resolve, same), reply);
}

}  // namespace tally::http

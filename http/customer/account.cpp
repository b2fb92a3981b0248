#include "http/customer/account.h"

#include "http/account_wire.h"
#include "http/answers.h"
#include "http/json_writer.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

// Receivers have this long to learn the new secret; until then deliveries carry both signatures (ours).
constexpr std::int64_t rotation_ms = day_ms;

}  // namespace

CustomerAccount::CustomerAccount(Credentials& credentials, storage::Directory& directory, Idempotency& idempotency,
                                 Clock& clock, std::function<std::string()> make_webhook_secret)
    : credentials_(credentials),
      directory_(directory),
      idempotency_(idempotency),
      clock_(clock),
      make_webhook_secret_(std::move(make_webhook_secret)) {}

void CustomerAccount::add_to(Router& router) {
  router.add("GET", "/v1/account",
             [this](Request&& request, Reply reply) { show(std::move(request), std::move(reply)); });
  router.add("POST", "/v1/account/rotate-webhook-secret",
             [this](Request&& request, Reply reply) { rotate_webhook_secret(std::move(request), std::move(reply)); });
}

void CustomerAccount::show(Request&& request, Reply reply) {
  const auto checked = credentials_.check_any(request, {.scope = Scope::account});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(refusal_problem(*refused));
  const Caller& caller = std::get<Caller>(checked);
  Response response = json_response(200, account_json(*caller.account, Secrets::shown));
  add_rate_headers(response, caller.rate);
  reply(std::move(response));
}

void CustomerAccount::rotate_webhook_secret(Request&& request, Reply reply) {
  const auto checked = credentials_.check_any(request, {.scope = Scope::webhooks});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(refusal_problem(*refused));
  const Caller& caller = std::get<Caller>(checked);
  const auto answer = [reply, rate = caller.rate](Response response) {
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  Response refusal;
  auto call = read_call(request, CallSide::customer, refusal, CallBody::optional);
  if (!call) return answer(std::move(refusal));
  if (auto good = JsonReader(call->body).finish(); !good) return answer(problem(good.error()));
  const auto effect = [this](storage::AccountTx& tx) -> Result<Response> {
    const auto changed = directory_.change_account(tx, [this](Account& account) -> Result<void> {
      account.webhook.previous = std::move(account.webhook.current);
      account.webhook.previous_until = clock_.now() + rotation_ms;
      account.webhook.current = make_webhook_secret_();
      return {};
    });
    if (!changed) return changed.error();
    std::string json;
    JsonWriter out(json);
    out.begin_object().field("webhook_secret", (*changed)->webhook.current);
    out.field("previous_valid_until", (*changed)->webhook.previous_until).end_object();
    return json_response(200, std::move(json));
  };
  idempotency_.run(caller.account->id, std::move(call->key), effect, answer);
}

}  // namespace tally::http

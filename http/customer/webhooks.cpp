#include "http/customer/webhooks.h"

#include <algorithm>

#include "http/answers.h"
#include "http/json_writer.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

// Receivers have this long to learn the new secret; until then deliveries carry both signatures (ours).
constexpr std::int64_t webhook_rotation_ms = day_ms;

std::string webhook_json(const Webhook& webhook, bool with_secret = false) {
  std::string json;
  JsonWriter out(json);
  const auto optional_time = [&](std::string_view name, const std::optional<UtcTime>& at) {
    out.key(name);
    if (at) {
      out.time(*at);
    } else {
      out.null();
    }
  };
  out.begin_object().field("id", webhook.id.str()).field("url", webhook.url).key("events").begin_array();
  for (const WebhookEvent event : webhook.events) out.string(to_string(event));
  out.end_array().field("status", to_string(webhook.status)).field("created_at", webhook.created_at);
  optional_time("failing_since", webhook.failing_since);
  out.key("disabled_reason");
  if (webhook.disabled_reason) {
    out.string(to_string(*webhook.disabled_reason));
  } else {
    out.null();
  }
  optional_time("disabled_at", webhook.disabled_at);
  if (with_secret) out.field("secret", webhook.secrets.current);
  out.end_object();
  return json;
}

WebhookId id_of(const Request& request) {
  return WebhookId(std::string(request.path_param("id")));
}

Response no_such_webhook() {
  return problem(404, "not_found", "no such webhook");
}

void read_events(JsonReader& in, std::vector<WebhookEvent>& events) {
  const auto words = in.optional_strings("events");
  if (!words) return;
  events.clear();
  for (const std::string& word : *words) {
    const auto event = webhook_event_named(word);
    if (!event) {
      std::string known;
      for (const WebhookEvent one : all_webhook_events)
        known += (known.empty() ? "" : ", ") + std::string(to_string(one));
      return in.refuse("events", "must be some of " + known);
    }
    events.push_back(*event);
  }
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  if (events.empty()) in.refuse("events", "must name at least one event");
}

void read_status(JsonReader& in, Webhook& webhook, UtcTime now) {
  const auto word = in.optional_string("status");
  if (!word) return;
  if (word != to_string(WebhookStatus::active) && word != to_string(WebhookStatus::disabled))
    return in.refuse("status", "must be \"active\" or \"disabled\"");
  if (word == to_string(webhook.status)) return;
  if (word == to_string(WebhookStatus::active)) return webhook.enable();
  webhook.disable(WebhookDisabled::requested, now);
}

}  // namespace

CustomerWebhooks::CustomerWebhooks(Credentials& credentials, storage::Webhooks& webhooks, Idempotency& idempotency,
                                   const Clock& clock, Random& random, WebhookDesk desk)
    : credentials_(credentials),
      webhooks_(webhooks),
      idempotency_(idempotency),
      clock_(clock),
      random_(random),
      desk_(std::move(desk)) {}

void CustomerWebhooks::add_to(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Act act) {
    router.add(method, path, behind_credentials(act));
  };
  add("GET", "/v1/webhooks", &CustomerWebhooks::list);
  add("POST", "/v1/webhooks", &CustomerWebhooks::create);
  add("GET", "/v1/webhooks/{id}", &CustomerWebhooks::show);
  add("PATCH", "/v1/webhooks/{id}", &CustomerWebhooks::change);
  add("DELETE", "/v1/webhooks/{id}", &CustomerWebhooks::remove);
  add("POST", "/v1/webhooks/{id}/rotate-secret", &CustomerWebhooks::rotate_secret);
  add("POST", "/v1/webhooks/{id}/test", &CustomerWebhooks::send_test);
  add("GET", "/v1/webhooks/{id}/deliveries", &CustomerWebhooks::list_deliveries_of);
}

Handler CustomerWebhooks::behind_credentials(Act act) {
  return [this, act](Request&& request, const Reply& reply) {
    const auto checked = credentials_.check_any(request, {.scope = Scope::webhooks});
    if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(refusal_problem(*refused));
    const Caller& caller = std::get<Caller>(checked);
    (this->*act)(caller.account->id, std::move(request), [reply, rate = caller.rate](Response response) {
      add_rate_headers(response, rate);
      reply(std::move(response));
    });
  };
}

void CustomerWebhooks::list(const AccountId& account, Request&&, Answer answer) {
  std::string items;
  const auto webhooks = webhooks_.of(account);
  for (const Webhook& webhook : *webhooks) {
    if (!items.empty()) items.push_back(',');
    items += webhook_json(webhook);
  }
  answer(json_response(200, list_json(items, "")));
}

void CustomerWebhooks::read_fields(JsonReader& in, Webhook& webhook) const {
  if (auto url = in.optional_string("url")) {
    if (auto allowed = desk_.check_url(*url); !allowed) in.refuse("url", "is refused: " + allowed.error().detail);
    if (*url != webhook.url) webhook.failing_since.reset();
    webhook.url = std::move(*url);
  }
  read_events(in, webhook.events);
  read_status(in, webhook, clock_.now());
}

void CustomerWebhooks::create(const AccountId& account, Request&& request, Answer answer) {
  Response refusal;
  auto call = read_call(request, CallSide::customer, refusal);
  if (!call) return answer(std::move(refusal));
  JsonReader in(call->body);
  Webhook webhook;
  read_fields(in, webhook);
  if (!in.has("url")) (void)in.string("url");
  if (!in.has("events")) (void)in.array("events");
  if (auto good = in.finish(); !good) return answer(problem(good.error()));
  webhook.id = WebhookId(make_id(random_, "wh"));
  webhook.secrets.current = desk_.make_secret();
  webhook.created_at = clock_.now();
  call->key.secret = true;
  const auto effect = [this, webhook](storage::AccountTx& tx) -> Result<Response> {
    const auto made = webhooks_.create(tx, webhook);
    if (!made) return made.error();
    return json_response(201, webhook_json(*made, true));
  };
  idempotency_.run(account, std::move(call->key), effect, std::move(answer));
}

void CustomerWebhooks::show(const AccountId& account, Request&& request, Answer answer) {
  const auto webhook = webhooks_.find(account, id_of(request));
  answer(webhook ? json_response(200, webhook_json(*webhook)) : no_such_webhook());
}

void CustomerWebhooks::change(const AccountId& account, Request&& request, Answer answer) {
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return answer(std::move(refusal));
  const auto effect = [this, id = id_of(request), body](storage::AccountTx& tx) -> Result<Response> {
    const auto changed = webhooks_.change(tx, id, [&](Webhook& webhook) {
      JsonReader in(*body);
      read_fields(in, webhook);
      return in.finish();
    });
    if (!changed) return changed.error();
    return json_response(200, webhook_json(*changed));
  };
  idempotency_.run(account, CallKey{}, effect, std::move(answer));
}

void CustomerWebhooks::remove(const AccountId& account, Request&& request, Answer answer) {
  const auto effect = [this, id = id_of(request)](storage::AccountTx& tx) -> Result<Response> {
    if (auto removed = webhooks_.remove(tx, id); !removed) return removed.error();
    Response response;
    response.status = 204;
    return response;
  };
  idempotency_.run(account, CallKey{}, effect, std::move(answer));
}

void CustomerWebhooks::rotate_secret(const AccountId& account, Request&& request, Answer answer) {
  Response refusal;
  auto call = read_call(request, CallSide::customer, refusal, CallBody::optional);
  if (!call) return answer(std::move(refusal));
  if (auto good = JsonReader(call->body).finish(); !good) return answer(problem(good.error()));
  call->key.secret = true;
  const auto effect = [this, id = id_of(request)](storage::AccountTx& tx) -> Result<Response> {
    const auto changed = webhooks_.change(tx, id, [this](Webhook& webhook) -> Result<void> {
      webhook.secrets.previous = std::move(webhook.secrets.current);
      webhook.secrets.previous_until = clock_.now() + webhook_rotation_ms;
      webhook.secrets.current = desk_.make_secret();
      return {};
    });
    if (!changed) return changed.error();
    std::string json;
    JsonWriter out(json);
    out.begin_object().field("secret", changed->secrets.current);
    out.field("previous_valid_until", changed->secrets.previous_until).end_object();
    return json_response(200, std::move(json));
  };
  idempotency_.run(account, std::move(call->key), effect, std::move(answer));
}

void CustomerWebhooks::send_test(const AccountId& account, Request&& request, Answer answer) {
  Response refusal;
  auto call = read_call(request, CallSide::customer, refusal, CallBody::optional);
  if (!call) return answer(std::move(refusal));
  if (auto good = JsonReader(call->body).finish(); !good) return answer(problem(good.error()));
  const auto effect = [this, id = id_of(request)](storage::AccountTx& tx) -> Result<Response> {
    const auto delivery = desk_.test(tx, id);
    if (!delivery) return delivery.error();
    return json_response(202, delivery_json(*delivery, DeliverySide::customer));
  };
  idempotency_.run(account, std::move(call->key), effect, std::move(answer));
}

void CustomerWebhooks::list_deliveries_of(const AccountId& account, Request&& request, Answer answer) {
  const WebhookId id = id_of(request);
  if (!webhooks_.find(account, id)) return answer(no_such_webhook());
  answer(list_deliveries(request, DeliverySide::customer,
                         [&](std::optional<DeliveryStatus> status, std::size_t limit, std::string_view cursor) {
                           return desk_.deliveries(account, id, status, limit, cursor);
                         }));
}

}  // namespace tally::http

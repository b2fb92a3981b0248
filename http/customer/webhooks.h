// /v1/webhooks: a customer's standing subscriptions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/credentials.h"
#include "http/delivery_wire.h"
#include "http/idempotency.h"
#include "http/request.h"
#include "storage/webhooks.h"

namespace tally::http {

class Router;

// What the webhook room does for these routes; the composition root joins them.
struct WebhookDesk {
  std::function<std::string()> make_secret;
  std::function<Result<void>(std::string_view url)> check_url;
  // Within a command of the account. Errc::not_found; Errc::conflict `webhook_disabled`.
  std::function<Result<Delivery>(storage::AccountTx& tx, const WebhookId& id)> test;
  // The newest first.
  std::function<Result<DeliveryPage>(const AccountId& account, const WebhookId& id,
                                     std::optional<DeliveryStatus> status, std::size_t limit, std::string_view cursor)>
      deliveries;
};

class CustomerWebhooks {
 public:
  CustomerWebhooks(Credentials& credentials, storage::Webhooks& webhooks, Idempotency& idempotency, const Clock& clock,
                   Random& random, WebhookDesk desk);
  void add_to(Router& router);

 private:
  // Gets the account and answers with the rate headers.
  using Answer = std::function<void(Response)>;
  using Act = void (CustomerWebhooks::*)(const AccountId& account, Request&& request, Answer answer);
  Handler behind_credentials(Act act);

  void list(const AccountId& account, Request&& request, Answer answer);
  void create(const AccountId& account, Request&& request, Answer answer);
  void show(const AccountId& account, Request&& request, Answer answer);
  void change(const AccountId& account, Request&& request, Answer answer);
  void remove(const AccountId& account, Request&& request, Answer answer);
  void rotate_secret(const AccountId& account, Request&& request, Answer answer);
  void send_test(const AccountId& account, Request&& request, Answer answer);
  void list_deliveries_of(const AccountId& account, Request&& request, Answer answer);

  void read_fields(JsonReader& in, Webhook& webhook) const;

  Credentials& credentials_;
  storage::Webhooks& webhooks_;
  Idempotency& idempotency_;
  const Clock& clock_;
  Random& random_;
  WebhookDesk desk_;
};

}  // namespace tally::http

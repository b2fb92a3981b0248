#include "webhook/outbox.h"

#include <vector>

#include "webhook/reloads.h"

namespace tally::webhook {

namespace {

using storage::Table;

WebhookEvent event_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::low:
      return WebhookEvent::credits_low;
    case Notice::Kind::exhausted:
      return WebhookEvent::credits_exhausted;
    case Notice::Kind::expiring:
      return WebhookEvent::credits_expiring;
    case Notice::Kind::reloaded:
      return WebhookEvent::credits_reloaded;
  }
  return WebhookEvent::credits_low;
}

// A member with a comma before it. Ids, amounts, times and words need no escaping.
std::string member(std::string_view name, std::string_view value) {
  return ",\"" + std::string(name) + "\":\"" + std::string(value) + "\"";
}

// What follows the account.
std::string data_of(const Notice& notice) {
  std::string data = member("available", notice.available.to_string());
  switch (notice.kind) {
    case Notice::Kind::low:
      data += member("threshold", notice.amount.to_string());
      break;
    case Notice::Kind::exhausted:
      break;
    case Notice::Kind::expiring:
      data += member("amount", notice.amount.to_string()) + member("lot", "lot_" + std::to_string(notice.lot)) +
              member("expires_at", notice.at.to_string());
      break;
    case Notice::Kind::reloaded:
      data += member("amount", notice.amount.to_string()) + member("lot", "lot_" + std::to_string(notice.lot));
      break;
  }
  return data;
}

}  // namespace

Outbox::Outbox(storage::Store& store, storage::Writer& writer, const storage::Webhooks& webhooks, const Clock& clock,
               Random& random, std::string payments_url, Ready ready)
    : store_(store),
      writer_(writer),
      webhooks_(webhooks),
      clock_(clock),
      random_(random),
      payments_url_(std::move(payments_url)),
      ready_(std::move(ready)) {}

void Outbox::ledger_changed(storage::AccountTx& tx, const LedgerChanges& changes) {
  for (const Notice& notice : changes.notices) tell(tx, event_of(notice.kind), data_of(notice));
  if (changes.reload) ask_for_payment(tx, *changes.reload);
}

void Outbox::report_finished(storage::AccountTx& tx, const Job& job) {
  if (job.status != JobStatus::completed && job.status != JobStatus::failed) return;
  tell(tx, job.status == JobStatus::completed ? WebhookEvent::report_completed : WebhookEvent::report_failed,
       member("request_id", job.id.str()) + member("status", to_string(job.status)), {}, &job);
}

void Outbox::webhook_disabled(storage::AccountTx& tx, const Webhook& webhook) {
  tell(tx, WebhookEvent::webhook_disabled,
       member("webhook_id", webhook.id.str()) + member("reason", to_string(*webhook.disabled_reason)) +
           member("disabled_at", webhook.disabled_at->to_string()),
       webhook.id);
}

Delivery Outbox::test(storage::AccountTx& tx, const Webhook& webhook) {
  return send(tx, webhook, webhook_test_event, member("webhook_id", webhook.id.str()));
}

void Outbox::tell(storage::AccountTx& tx, WebhookEvent event, std::string_view data, const WebhookId& except,
                  const Job* about) {
  const auto webhooks = webhooks_.of(tx.account());
  for (const Webhook& webhook : *webhooks) {
    if (webhook.wants(event) && webhook.id != except) send(tx, webhook, to_string(event), data, about);
  }
}

// `data` is what follows the account.
Delivery Outbox::send(storage::AccountTx& tx, const Webhook& webhook, std::string_view event, std::string_view data,
                      const Job* about) {
  Delivery delivery;
  delivery.id = DeliveryId(make_id(random_, "msg"));
  delivery.account = tx.account();
  delivery.webhook_id = webhook.id.str();
  delivery.url = webhook.url;
  delivery.event = event;
  if (about) delivery.http_request_id = about->http_request_id;
  delivery.created_at = delivery.next_attempt_at = clock_.now();
  std::string body = "{\"type\":\"" + delivery.event + "\"" + member("id", delivery.id.str()) +
                     member("created_at", delivery.created_at.to_string()) + ",\"data\":{\"account\":\"" +
                     tx.account().str() + "\"";
  body.append(data).append("}}");
  put(tx, delivery, std::move(body));
  return delivery;
}

void Outbox::ask_for_payment(storage::AccountTx& tx, const ReloadRequest& request) {
  Delivery delivery;
  delivery.id = reload_id(tx.account(), request.number);
  delivery.account = tx.account();
  delivery.webhook_id = payments_webhook_id;
  delivery.url = payments_url_;
  delivery.event = reload_event;
  delivery.created_at = delivery.next_attempt_at = clock_.now();
  std::string body = "{\"type\":\"" + delivery.event + "\"" + member("account", tx.account().str()) +
                     member("amount", request.amount.to_string()) + member("idempotency_key", delivery.id.str()) + "}";
  put(tx, delivery, std::move(body));
}

void Outbox::put(storage::AccountTx& tx, const Delivery& delivery, std::string body) {
  tx.put(Table::delivery, delivery.id.str(), encode(delivery));
  tx.put(Table::delivery_body, delivery.id.str(), std::move(body));
  tx.put(Table::open_delivery, delivery.id.str(), "");
  tx.put(Table::webhook_delivery, webhook_log_key(delivery), "");
  tx.on_commit([this, account = delivery.account, id = delivery.id](storage::Position) { ready_(account, id); });
}

Result<void> Outbox::drop_old(UtcTime before, std::size_t limit) {
  struct Row {
    AccountId account;
    std::string key;
  };
  std::vector<Row> old;
  std::size_t seen = 0;
  bool more = false;
  auto scanned = scan_after(store_, Table::webhook_delivery, dropping_,
                            [&](std::string_view account, std::string_view key, std::string_view) {
                              if (const auto entry = read_webhook_log_key(key); entry && entry->created_at < before)
                                old.push_back({AccountId(std::string(account)), std::string(key)});
                              dropping_ = {AccountId(std::string(account)), DeliveryId(std::string(key))};
                              more = ++seen == limit;
                              return !more;
                            });
  if (!more) dropping_ = {};
  for (Row& row : old) {
    const DeliveryId id = read_webhook_log_key(row.key)->id;
    writer_.post(
        row.account,
        [id, key = row.key](storage::AccountTx& tx) -> Result<void> {
          const auto open = tx.get(Table::open_delivery, id.str());
          if (!open) return open.error();
          if (*open) return {};
          tx.erase(Table::webhook_delivery, key);
          tx.erase(Table::delivery, id.str());
          tx.erase(Table::delivery_body, id.str());
          tx.erase(Table::delivery_attempts, id.str());
          return {};
        },
        storage::Durability::relaxed, nullptr);
  }
  return scanned;
}

}  // namespace tally::webhook

#include "tools/tallyd/outgoing.h"

#include <atomic>
#include <utility>

#include "http/json.h"
#include "tools/tallyd/secret_file.h"
#include "webhook/delivery_log.h"
#include "webhook/signature.h"

namespace tally::tools {

namespace {

constexpr int gone_status = 410;

// The operator's own payment system may be anywhere, the next machine included.
WebhookSettings to_anywhere(WebhookSettings settings) {
  settings.allowed_hosts.clear();
  settings.allow_http = settings.allow_private = true;
  return settings;
}

std::optional<std::string> reference_in(const std::string& body) {
  const auto answer = http::parse_json(body);
  const http::JsonValue* reference = answer ? answer->find("reference") : nullptr;
  if (!reference || reference->kind != http::JsonValue::Kind::string) return std::nullopt;
  return reference->text;
}

Result<http::DeliveryPage> page_of(Result<webhook::DeliveryPage> page) {
  if (!page) return page.error();
  return http::DeliveryPage{std::move(page->items), std::move(page->next_cursor)};
}

}  // namespace

Outgoing::Outgoing(const Config& config, const Parts& parts)
    : parts_(parts),
      outbox_(parts.store, parts.writer, webhooks_, parts.clock, parts.random, config.payments.url,
              [this](const AccountId& account, const DeliveryId& id) { dispatcher_->offer(account, id); }),
      reloads_(parts.ledgers, reference_in),
      policy_(config.webhooks),
      transport_(config.webhooks) {}

Result<std::unique_ptr<Outgoing>> Outgoing::open(const Config& config, const Parts& parts) {
  std::unique_ptr<Outgoing> made(new Outgoing(config, parts));
  Outgoing& self = *made;
  if (auto loaded = self.webhooks_.load(parts.store); !loaded) return loaded.error();
  if (auto opened = self.open_payments(config); !opened) return opened.error();

  webhook::Dispatcher::Standing standing;
  standing.secrets_of = [&self](const AccountId& account, std::string_view id) { return self.secrets_of(account, id); };
  standing.on_attempt = [&self](storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome,
                                UtcTime now) { return self.on_attempt(tx, delivery, outcome, now); };
  standing.payments_url = config.payments.url;
  standing.payments_transport = self.payments_transport_.get();
  auto operator_secret = read_or_make_secret_file(config.data + "/operator-webhook.secret",
                                                  [&parts] { return webhook::make_secret(parts.random); });
  if (!operator_secret) return operator_secret.error();
  const auto account_secrets = [&directory = parts.directory,
                                of_operator = *operator_secret](const AccountId& id) -> Result<WebhookSecrets> {
    if (id == storage::system_account()) return WebhookSecrets{of_operator, {}, {}};
    const auto account = directory.account(id);
    if (!account) return fail(Errc::not_found, "no such account");
    return account->webhook;
  };
  self.dispatcher_ = std::make_unique<webhook::Dispatcher>(
      config.webhooks, webhook::Dispatcher::Parts{parts.store, parts.writer, self.transport_, parts.random,
                                                  account_secrets, std::move(standing), parts.on_recorded});
  parts.ledgers.set_outbox(
      [&self](storage::AccountTx& tx, const LedgerChanges& changes) { self.outbox_.ledger_changed(tx, changes); });
  return made;
}

Result<void> Outgoing::open_payments(const Config& config) {
  if (!config.payments.enabled()) return {};
  const WebhookSettings settings = to_anywhere(config.webhooks);
  if (auto target = webhook::TargetPolicy(settings).check(config.payments.url); !target)
    return fail(Errc::invalid_argument, "payments.url: " + target.error().detail);
  Result<std::string> secret = config.payments.secret;
  if (secret->empty()) {
    secret = read_or_make_secret_file(config.data + "/payments.secret",
                                      [this] { return webhook::make_secret(parts_.random); });
  }
  if (!secret) return secret.error();
  if (auto good = webhook::sign({*secret, {}, {}}, DeliveryId(), "", UtcTime()); !good)
    return fail(Errc::invalid_argument, "payments.secret: " + good.error().detail);
  payments_secret_ = std::move(*secret);
  payments_transport_ = std::make_unique<webhook::CurlTransport>(settings);
  return {};
}

Result<WebhookSecrets> Outgoing::secrets_of(const AccountId& account, std::string_view webhook_id) const {
  if (webhook_id == payments_webhook_id) return WebhookSecrets{payments_secret_, {}, {}};
  const auto webhook = webhooks_.find(account, WebhookId(std::string(webhook_id)));
  if (!webhook) return fail(Errc::not_found, "the webhook was deleted");
  if (webhook->status != WebhookStatus::active) return fail(Errc::not_found, "the webhook is disabled");
  return webhook->secrets;
}

Result<void> Outgoing::on_attempt(storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome,
                                  UtcTime now) {
  if (delivery.webhook_id == payments_webhook_id) return reloads_.record(tx, delivery, outcome, now);
  if (outcome.status == gone_status) {
    delivery.status = DeliveryStatus::dead;
    delivery.finished_at = now;
  }
  bool disabled = false;
  const auto noted = webhooks_.change(tx, WebhookId(delivery.webhook_id), [&](Webhook& webhook) -> Result<void> {
    disabled = note_attempt(webhook, delivery.url, outcome.status, now);
    return {};
  });
  if (!noted) return noted.error().code == Errc::not_found ? Result<void>() : noted.error();
  if (disabled) outbox_.webhook_disabled(tx, *noted);
  return {};
}

Result<void> Outgoing::check_callback(std::string_view url) const {
  const auto target = policy_.check(url);
  if (!target) return target.error();
  return {};
}

// An id does not tell its account, and an operator asks seldom, so the log is searched.
Result<AccountId> Outgoing::owner_of(const DeliveryId& id) const {
  std::optional<AccountId> owner;
  const auto searched = parts_.store.scan_all(storage::Table::delivery, AccountId(),
                                              [&](std::string_view account, std::string_view key, std::string_view) {
                                                if (key == id.str()) owner = AccountId(std::string(account));
                                                return !owner;
                                              });
  if (!searched) return searched.error();
  if (!owner) return fail(Errc::not_found, "no such delivery");
  return *owner;
}

Result<http::DeliveryDetail> Outgoing::detail_of(const DeliveryId& id) const {
  const auto owner = owner_of(id);
  if (!owner) return owner.error();
  const auto text = [&](storage::Table table) -> Result<std::string> {
    auto row = parts_.store.get(table, *owner, id.str());
    if (!row) return row.error();
    return std::move(*row).value_or("");
  };
  const auto row = text(storage::Table::delivery);
  auto body = text(storage::Table::delivery_body);
  const auto records = text(storage::Table::delivery_attempts);
  for (const Result<std::string>* one : {&row, &std::as_const(body), &records}) {
    if (!*one) return one->error();
  }
  if (row->empty()) return fail(Errc::not_found, "no such delivery");  // dropped since
  auto delivery = decode_delivery(*row);
  if (!delivery) return delivery.error();
  auto attempts = attempts_of(*delivery, *records);
  if (!attempts) return attempts.error();
  return http::DeliveryDetail{std::move(*delivery), std::move(*body), std::move(*attempts)};
}

void Outgoing::replay_range(const http::ReplayRange& range, const http::DeliveryDesk::RangeDone& done) {
  const webhook::DeliveryFilter filter{range.account, range.webhook_id, range.status, range.created};
  const auto page = webhook::list_deliveries(parts_.store, filter, range.limit, range.cursor);
  if (!page) return done(page.error());
  // Counts from several threads; the last to let go of it answers.
  struct Count {
    std::atomic<std::size_t> replayed{0}, skipped{0};
    std::atomic<bool> refused{false};
    std::string next_cursor;
    http::DeliveryDesk::RangeDone done;
    ~Count() {
      if (refused) {
        done(fail(Errc::exhausted, "not all could be replayed now; the same call goes on"));
      } else {
        done(http::ReplayCount{replayed, skipped, next_cursor});
      }
    }
  };
  const auto count = std::make_shared<Count>();
  count->next_cursor = page->next_cursor;
  count->done = done;
  for (const Delivery& delivery : page->items) {
    dispatcher_->replay(delivery.account, delivery.id, parts_.clock.now(), [count](const Result<void>& replayed) {
      if (replayed) {
        ++count->replayed;
      } else if (replayed.error().code == Errc::conflict || replayed.error().code == Errc::not_found) {
        ++count->skipped;
      } else {
        count->refused = true;
      }
    });
  }
}

http::DeliveryDesk Outgoing::operator_desk() {
  http::DeliveryDesk desk;
  desk.list = [this](std::optional<DeliveryStatus> status, std::size_t limit, std::string_view cursor) {
    return page_of(webhook::list_deliveries(parts_.store, {{}, {}, status, {}}, limit, cursor));
  };
  desk.show = [this](const DeliveryId& id) { return detail_of(id); };
  desk.replay = [this](const DeliveryId& id, std::function<void(Result<void>)> done) {
    const auto owner = owner_of(id);
    if (!owner) return done(owner.error());
    dispatcher_->replay(*owner, id, parts_.clock.now(), std::move(done));
  };
  desk.replay_range = [this](const http::ReplayRange& range, const http::DeliveryDesk::RangeDone& done) {
    replay_range(range, done);
  };
  return desk;
}

http::WebhookDesk Outgoing::customer_desk() {
  http::WebhookDesk desk;
  desk.make_secret = [this] { return webhook::make_secret(parts_.random); };
  desk.check_url = [this](std::string_view url) { return check_callback(url); };
  desk.test = [this](storage::AccountTx& tx, const WebhookId& id) -> Result<Delivery> {
    const auto webhook = webhooks_.get(tx, id);
    if (!webhook) return webhook.error();
    if (webhook->status != WebhookStatus::active)
      return fail(Errc::conflict, "the webhook is disabled", "webhook_disabled");
    return outbox_.test(tx, *webhook);
  };
  desk.deliveries = [this](const AccountId& account, const WebhookId& id, std::optional<DeliveryStatus> status,
                           std::size_t limit, std::string_view cursor) {
    return page_of(webhook::list_webhook_deliveries(parts_.store, account, id.str(), status, limit, cursor));
  };
  return desk;
}

}  // namespace tally::tools

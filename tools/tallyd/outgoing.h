// Everything that the server sends by itself: callbacks, standing webhooks and requests for payments, joined.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/config.h"
#include "http/customer/webhooks.h"
#include "http/operator/deliveries.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/webhooks.h"
#include "webhook/curl_transport.h"
#include "webhook/dispatcher.h"
#include "webhook/outbox.h"
#include "webhook/reloads.h"
#include "webhook/target.h"

namespace tally::tools {

class Outgoing {
 public:
  // What it is made of must outlive it; `writer` is stopped before it goes.
  struct Parts {
    storage::Store& store;
    storage::Writer& writer;
    const storage::Directory& directory;
    storage::Ledgers& ledgers;
    Clock& clock;
    Random& random;
    // As webhook::Dispatcher::Parts::on_recorded.
    std::function<void(const Delivery&, const AttemptOutcome&)> on_recorded = nullptr;
  };

  // Loads the webhooks and becomes the ledgers' outbox; call before any command changes one. The error says what to do
  // about it.
  static Result<std::unique_ptr<Outgoing>> open(const Config& config, const Parts& parts);
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  webhook::Dispatcher& dispatcher() { return *dispatcher_; }
  storage::Webhooks& webhooks() { return webhooks_; }
  webhook::Outbox& outbox() { return outbox_; }

  Result<void> check_callback(std::string_view url) const;
  http::DeliveryDesk operator_desk();
  http::WebhookDesk customer_desk();

 private:
  Outgoing(const Config& config, const Parts& parts);
  Result<void> open_payments(const Config& config);
  Result<WebhookSecrets> secrets_of(const AccountId& account, std::string_view webhook_id) const;
  Result<AccountId> owner_of(const DeliveryId& id) const;
  Result<http::DeliveryDetail> detail_of(const DeliveryId& id) const;
  void replay_range(const http::ReplayRange& range, const http::DeliveryDesk::RangeDone& done);
  Result<void> on_attempt(storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome, UtcTime now);

  Parts parts_;
  std::string payments_secret_;
  storage::Webhooks webhooks_;
  webhook::Outbox outbox_;
  webhook::Reloads reloads_;
  webhook::TargetPolicy policy_;
  webhook::CurlTransport transport_;
  std::unique_ptr<webhook::CurlTransport> payments_transport_;
  std::unique_ptr<webhook::Dispatcher> dispatcher_;
};

}  // namespace tally::tools

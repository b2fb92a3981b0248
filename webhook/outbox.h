// What becomes of the ledger's notices and of finished reports: deliveries to the account's standing webhooks, and of
// the ledger's requests for a reload: deliveries to the payment system. Written in the command that brought them.
//
// Bodies: {"type":<event>,"id":<delivery id>,"created_at":…,"data":{"account":…, …}}; a request for a reload is
// {"type":"payment.reload","account":…,"amount":"25","idempotency_key":<delivery id>}.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/job.h"
#include "core/ledger.h"
#include "storage/webhooks.h"
#include "storage/writer.h"
#include "webhook/delivery_log.h"

namespace tally::webhook {

// Thread-safe, but for drop_old.
class Outbox {
 public:
  // A delivery was committed. Called on the committer's thread.
  using Ready = std::function<void(const AccountId&, const DeliveryId&)>;

  Outbox(storage::Store& store, storage::Writer& writer, const storage::Webhooks& webhooks, const Clock& clock,
         Random& random, std::string payments_url, Ready ready);

  // To be called within the command.
  void ledger_changed(storage::AccountTx& tx, const LedgerChanges& changes);
  void report_finished(storage::AccountTx& tx, const Job& job);
  // Tells the account's other webhooks.
  void webhook_disabled(storage::AccountTx& tx, const Webhook& webhook);
  // A delivery of webhook_test_event to this one, whatever events it wants.
  Delivery test(storage::AccountTx& tx, const Webhook& webhook);

  // Drops what is in the webhooks' logs since before `before`, unless it is still pending. One call looks at up to
  // `limit` rows and the next one goes on there.
  Result<void> drop_old(UtcTime before, std::size_t limit);

 private:
  // `about` is the job that it is about, if any.
  void tell(storage::AccountTx& tx, WebhookEvent event, std::string_view data, const WebhookId& except = {},
            const Job* about = nullptr);
  Delivery send(storage::AccountTx& tx, const Webhook& webhook, std::string_view event, std::string_view data,
                const Job* about = nullptr);
  void ask_for_payment(storage::AccountTx& tx, const ReloadRequest& request);
  void put(storage::AccountTx& tx, const Delivery& delivery, std::string body);

  storage::Store& store_;
  storage::Writer& writer_;
  const storage::Webhooks& webhooks_;
  const Clock& clock_;
  Random& random_;
  std::string payments_url_;
  Ready ready_;
  DeliveryCursor dropping_;
};

}  // namespace tally::webhook

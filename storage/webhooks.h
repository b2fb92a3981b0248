// Standing webhooks in memory, because every notice asks for them, and changed only through the writer.
#pragma once

#include <functional>
#include <memory>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "core/webhook.h"
#include "storage/writer.h"

namespace tally::storage {

// What it answers is committed; a change is visible to every thread before its command is done. Thread-safe.
class Webhooks {
 public:
  using List = std::shared_ptr<const std::vector<Webhook>>;

  // Reads everything; call once, first. Costs about 500 bytes of memory per webhook.
  Result<void> load(const Store& store);

  List of(const AccountId& account) const;  // never null; in the order of their creation
  std::optional<Webhook> find(const AccountId& account, const WebhookId& id) const;

  // Within a command of that account. An error other than Errc::corrupt means that nothing was written.
  // Errc::conflict `too_many_webhooks`.
  Result<Webhook> create(AccountTx& tx, Webhook webhook);
  // Errc::not_found, as are the next two.
  Result<Webhook> get(AccountTx& tx, const WebhookId& id) const;
  // A change that leaves everything as it is writes nothing.
  Result<Webhook> change(AccountTx& tx, const WebhookId& id, const std::function<Result<void>(Webhook&)>& change);
  Result<void> remove(AccountTx& tx, const WebhookId& id);

 private:
  void publish(const AccountId& account, Webhook webhook);
  void forget(const AccountId& account, const WebhookId& id);

  mutable std::shared_mutex mutex_;
  std::unordered_map<AccountId, List> lists_;
};

}  // namespace tally::storage

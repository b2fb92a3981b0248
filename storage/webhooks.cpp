#include "storage/webhooks.h"

#include <algorithm>
#include <mutex>
#include <tuple>

#include "core/codec.h"

namespace tally::storage {

namespace {

// Beside the webhooks lies their number, which a command can ask for although it cannot scan.
constexpr std::string_view count_row;

Result<std::uint64_t> stored_count(AccountTx& tx) {
  const auto row = tx.get(Table::webhook, count_row);
  if (!row) return row.error();
  if (!*row) return std::uint64_t{0};
  Decoder in(**row);
  const std::uint64_t count = in.u64();
  if (!in.done()) return fail(Errc::corrupt, "the number of webhooks cannot be read");
  return count;
}

void put_count(AccountTx& tx, std::uint64_t count) {
  std::string row;
  Encoder(row).u64(count);
  tx.put(Table::webhook, std::string(count_row), std::move(row));
}

Result<Webhook> stored_webhook(AccountTx& tx, const WebhookId& id) {
  if (id.empty()) return fail(Errc::not_found, "no such webhook");
  const auto row = tx.get(Table::webhook, id.str());
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, "no such webhook");
  return decode_webhook(**row);
}

}  // namespace

Result<void> Webhooks::load(const Store& store) {
  std::unordered_map<AccountId, std::vector<Webhook>> found;
  std::optional<Error> broken;
  const auto scanned = store.scan_all(Table::webhook, AccountId(),
                                      [&](std::string_view account, std::string_view key, std::string_view value) {
                                        if (key == count_row) return true;
                                        auto webhook = decode_webhook(value);
                                        if (!webhook) return broken = webhook.error(), false;
                                        found[AccountId(std::string(account))].push_back(std::move(*webhook));
                                        return true;
                                      });
  if (broken) return *broken;
  if (!scanned) return scanned;
  const std::unique_lock lock(mutex_);
  for (auto& [account, webhooks] : found) {
    std::sort(webhooks.begin(), webhooks.end(), [](const Webhook& a, const Webhook& b) {
      return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    });
    lists_[account] = std::make_shared<const std::vector<Webhook>>(std::move(webhooks));
  }
  return {};
}

Webhooks::List Webhooks::of(const AccountId& account) const {
  static const List none = std::make_shared<const std::vector<Webhook>>();
  const std::shared_lock lock(mutex_);
  const auto found = lists_.find(account);
  return found == lists_.end() ? none : found->second;
}

std::optional<Webhook> Webhooks::find(const AccountId& account, const WebhookId& id) const {
  const List list = of(account);
  const auto found = std::find_if(list->begin(), list->end(), [&](const Webhook& one) { return one.id == id; });
  return found == list->end() ? std::nullopt : std::optional(*found);
}

Result<Webhook> Webhooks::create(AccountTx& tx, Webhook webhook) {
  const auto count = stored_count(tx);
  if (!count) return count.error();
  if (*count >= webhooks_per_account_max)
    return fail(Errc::conflict, "an account has at most 20 webhooks", "too_many_webhooks");
  put_count(tx, *count + 1);
  tx.put(Table::webhook, webhook.id.str(), encode(webhook));
  tx.on_commit([this, account = tx.account(), webhook](Position) { publish(account, webhook); });
  return webhook;
}

Result<Webhook> Webhooks::get(AccountTx& tx, const WebhookId& id) const {
  return stored_webhook(tx, id);
}

Result<Webhook> Webhooks::change(AccountTx& tx, const WebhookId& id,
                                 const std::function<Result<void>(Webhook&)>& change) {
  auto webhook = stored_webhook(tx, id);
  if (!webhook) return webhook;
  const std::string before = encode(*webhook);
  if (auto changed = change(*webhook); !changed) return changed.error();
  std::string row = encode(*webhook);
  if (row == before) return webhook;
  tx.put(Table::webhook, id.str(), std::move(row));
  tx.on_commit([this, account = tx.account(), changed = *webhook](Position) { publish(account, changed); });
  return webhook;
}

Result<void> Webhooks::remove(AccountTx& tx, const WebhookId& id) {
  if (auto webhook = stored_webhook(tx, id); !webhook) return webhook.error();
  const auto count = stored_count(tx);
  if (!count) return count.error();
  put_count(tx, *count - 1);
  tx.erase(Table::webhook, id.str());
  tx.on_commit([this, account = tx.account(), id](Position) { forget(account, id); });
  return {};
}

void Webhooks::publish(const AccountId& account, Webhook webhook) {
  auto webhooks = *of(account);
  const auto known =
      std::find_if(webhooks.begin(), webhooks.end(), [&](const Webhook& one) { return one.id == webhook.id; });
  if (known == webhooks.end()) {
    webhooks.push_back(std::move(webhook));
  } else {
    *known = std::move(webhook);
  }
  const std::unique_lock lock(mutex_);
  lists_[account] = std::make_shared<const std::vector<Webhook>>(std::move(webhooks));
}

void Webhooks::forget(const AccountId& account, const WebhookId& id) {
  auto webhooks = *of(account);
  std::erase_if(webhooks, [&](const Webhook& one) { return one.id == id; });
  const std::unique_lock lock(mutex_);
  if (webhooks.empty()) {
    lists_.erase(account);
  } else {
    lists_[account] = std::make_shared<const std::vector<Webhook>>(std::move(webhooks));
  }
}

}  // namespace tally::storage

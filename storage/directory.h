// The directory: accounts, API keys and prices in memory, because every request asks for them, and changed only through
// the writer.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "core/account.h"
#include "core/price.h"
#include "storage/writer.h"

namespace tally::storage {

// What it answers is committed; a change is visible to every thread before its `done` is called. Thread-safe.
class Directory {
 public:
  template <class T>
  using Then = std::function<void(Result<T>)>;
  using AccountPtr = std::shared_ptr<const Account>;
  using KeyPtr = std::shared_ptr<const ApiKey>;

  Directory(Store& store, Writer& writer);

  // Reads everything; call once, first. Costs about 300 bytes of memory per account and key.
  Result<void> load();

  AccountPtr account(const AccountId& id) const;  // null: there is none
  KeyPtr key(const KeyId& id) const;
  std::shared_ptr<const PriceBook> prices() const;
  // In order of id, after `after` (empty: from the first).
  std::vector<AccountPtr> accounts(const AccountId& after, std::size_t limit) const;
  std::size_t account_count() const;
  std::vector<KeyPtr> keys_of(const AccountId& account) const;

  // Errc::conflict `account_exists`. Gives the account its user_id.
  void create_account(Account account, Then<AccountPtr> done);
  // `change` may be called on another thread, gets the latest state and may refuse. Errc::not_found.
  void change_account(const AccountId& id, std::function<Result<void>(Account&)> change, Then<AccountPtr> done);
  void create_key(ApiKey key, Then<KeyPtr> done);
  void change_key(const KeyId& id, std::function<Result<void>(ApiKey&)> change, Then<KeyPtr> done);
  // Adds one version per price and numbers it; all of them or none.
  void add_prices(std::vector<Price> prices, Then<std::vector<Price>> done);

  // The same within a command of that account (of system_account() for prices), for what must be committed with it. An
  // error other than Errc::corrupt means that nothing was written.
  Result<AccountPtr> create_account(AccountTx& tx, Account account);
  Result<AccountPtr> change_account(AccountTx& tx, const std::function<Result<void>(Account&)>& change);
  Result<KeyPtr> create_key(AccountTx& tx, ApiKey key);
  Result<std::vector<Price>> add_prices(AccountTx& tx, std::vector<Price> prices);

 private:
  void publish(AccountPtr account);
  void publish(KeyPtr key);
  void publish(const std::vector<Price>& prices);

  Store& store_;
  Writer& writer_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<AccountId, AccountPtr> accounts_;
  std::set<AccountId> account_order_;
  std::unordered_map<KeyId, KeyPtr> keys_;
  std::multimap<AccountId, KeyId> keys_by_account_;
  std::shared_ptr<const PriceBook> prices_;
  std::atomic<std::uint64_t> last_user_id_{0};
};

}  // namespace tally::storage

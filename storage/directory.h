// The directory: accounts, API keys and prices, which every request asks for, changed only through the writer.
//
// The store's rows are the truth. In memory are the accounts and keys that were asked for lately, decoded, which
// account each key belongs to, and all prices.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string_view>
#include <vector>

#include "core/account.h"
#include "core/price.h"
#include "storage/key_index.h"
#include "storage/recent_rows.h"
#include "storage/writer.h"

namespace tally::storage {

struct DirectoryOptions {
  std::size_t cached_accounts_max = 32'768;  // about 600 bytes each
  std::size_t cached_keys_max = 32'768;      // about 500 bytes each
  // Of a key's id, for the look-up of its account. Any function will do; the better it spreads, the faster it is.
  std::uint64_t (*key_hash)(std::string_view) = nullptr;  // null: std::hash
};

// What it answers is committed, and never older than what it answered before; a change is visible to every thread
// before its `done` is called. Thread-safe, also within commands.
//
// Memory: what the options allow, and besides 30 to 60 bytes for each key there is, none for an account. An account or
// key that is not in memory costs a read of the store (microseconds when its block is cached, else the disk's time), as
// do the first look at one after a change of it and every look at an account that does not exist; an unknown key
// costs none.
class Directory {
 public:
  template <class T>
  using Then = std::function<void(Result<T>)>;
  using AccountPtr = std::shared_ptr<const Account>;
  using KeyPtr = std::shared_ptr<const ApiKey>;

  // `on_unreadable` is called, on any thread, when a row cannot be read or decoded after load(): the caller must end
  // the process, as after a doubtful commit, because what is then answered (nothing, or the list until there) would
  // pass for the truth. Null: aborts.
  Directory(Store& store, Writer& writer, DirectoryOptions options = {},
            std::function<void(const Error&)> on_unreadable = nullptr);

  // Reads every row once; call once, first. Errc::corrupt names the row that cannot be decoded.
  Result<void> load();

  AccountPtr account(const AccountId& id) const;  // null: there is none
  KeyPtr key(const KeyId& id) const;
  std::shared_ptr<const PriceBook> prices() const;
  // In order of id, after `after` (empty: from the first), from the store.
  std::vector<AccountPtr> accounts(const AccountId& after, std::size_t limit) const;
  // Of the same accounts the ids alone, which is cheaper.
  std::vector<AccountId> account_ids(const AccountId& after, std::size_t limit) const;
  std::size_t account_count() const;
  // In order of id, from the store.
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
  template <class Row>
  using Decode = Result<Row> (*)(std::string_view);
  template <class Row>
  Result<std::shared_ptr<const Row>> read(Table table, const AccountId& account, std::string_view key,
                                          Decode<Row> decode) const;
  Result<KeyPtr> read_key(const KeyId& id) const;
  std::uint64_t hash_of(const KeyId& id) const;
  template <class Row>
  std::shared_ptr<const Row> readable(Result<std::shared_ptr<const Row>> row) const;
  void publish(const std::vector<Price>& prices);

  Store& store_;
  Writer& writer_;
  const DirectoryOptions options_;
  const std::function<void(const Error&)> on_unreadable_;
  mutable RecentRows<AccountId, Account> accounts_;
  mutable RecentRows<KeyId, ApiKey> keys_;
  std::atomic<std::size_t> account_count_{0};
  std::atomic<std::uint64_t> last_user_id_{0};
  mutable std::shared_mutex mutex_;  // guards what follows
  KeyIndex key_index_;
  std::shared_ptr<const PriceBook> prices_;
};

}  // namespace tally::storage

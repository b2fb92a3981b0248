#include "storage/directory.h"

#include <algorithm>

#include "core/codec.h"

namespace tally::storage {

namespace {

std::string price_row(const Price& price) {
  std::string key = price.endpoint;
  key.push_back('\0');
  append_be32(key, price.version);
  return key;
}

std::string last_version_row(std::string_view endpoint) {
  return "price_version:" + std::string(endpoint);
}

// Posts a command that makes a T, and hands that to its caller once it is durable.
template <class T, class Make>
void post_making(Writer& writer, const AccountId& account, Make make, std::function<void(Result<T>)> done) {
  auto made = std::make_shared<T>();
  writer.post(
      account,
      [made, make = std::move(make)](AccountTx& tx) mutable -> Result<void> {
        auto result = make(tx);
        if (!result) return result.error();
        *made = std::move(*result);
        return {};
      },
      Durability::synced,
      [made, done = std::move(done)](const Result<void>& result) {
        if (!done) return;
        if (result) {
          done(std::move(*made));
        } else {
          done(result.error());
        }
      });
}

}  // namespace

Directory::Directory(Store& store, Writer& writer)
    : store_(store), writer_(writer), prices_(std::make_shared<PriceBook>()) {}

Result<void> Directory::load() {
  std::optional<Error> broken;
  const auto read = [&](Table table, auto decode, auto take) {
    if (broken) return;
    const auto scanned = store_.scan_all(
        table, AccountId(), [&](std::string_view account, std::string_view key, std::string_view value) {
          auto row = decode(value);
          if (row) {
            take(std::move(*row));
          } else {
            broken = fail(row.error().code,
                          "a row of " + std::string(account) + " (" + std::string(key) + "): " + row.error().detail);
          }
          return !broken;
        });
    if (!scanned) broken = scanned.error();
  };
  auto book = std::make_shared<PriceBook>();
  read(Table::account, decode_account, [&](Account account) {
    last_user_id_ = std::max(last_user_id_.load(), account.user_id);
    publish(std::make_shared<const Account>(std::move(account)));
  });
  read(Table::credential, decode_api_key, [&](ApiKey key) { publish(std::make_shared<const ApiKey>(std::move(key))); });
  read(Table::price, decode_price, [&](Price price) { book->insert(std::move(price)); });
  if (broken) return *broken;
  prices_ = std::move(book);
  return {};
}

Directory::AccountPtr Directory::account(const AccountId& id) const {
  const std::shared_lock lock(mutex_);
  const auto found = accounts_.find(id);
  return found == accounts_.end() ? nullptr : found->second;
}

Directory::KeyPtr Directory::key(const KeyId& id) const {
  const std::shared_lock lock(mutex_);
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : found->second;
}

std::shared_ptr<const PriceBook> Directory::prices() const {
  const std::shared_lock lock(mutex_);
  return prices_;
}

std::size_t Directory::account_count() const {
  const std::shared_lock lock(mutex_);
  return account_order_.size();
}

std::vector<Directory::AccountPtr> Directory::accounts(const AccountId& after, std::size_t limit) const {
  std::vector<AccountPtr> page;
  const std::shared_lock lock(mutex_);
  for (auto id = account_order_.upper_bound(after); id != account_order_.end() && page.size() < limit; ++id)
    page.push_back(accounts_.at(*id));
  return page;
}

std::vector<Directory::KeyPtr> Directory::keys_of(const AccountId& account) const {
  std::vector<KeyPtr> keys;
  const std::shared_lock lock(mutex_);
  const auto [begin, end] = keys_by_account_.equal_range(account);
  for (auto it = begin; it != end; ++it) keys.push_back(keys_.at(it->second));
  return keys;
}

void Directory::publish(AccountPtr account) {
  const std::unique_lock lock(mutex_);
  if (accounts_.insert_or_assign(account->id, account).second) account_order_.insert(account->id);
}

void Directory::publish(KeyPtr key) {
  const std::unique_lock lock(mutex_);
  if (keys_.insert_or_assign(key->id, key).second) keys_by_account_.emplace(key->account, key->id);
}

void Directory::publish(const std::vector<Price>& prices) {
  const std::unique_lock lock(mutex_);
  auto book = std::make_shared<PriceBook>(*prices_);
  for (const Price& price : prices) book->insert(price);
  prices_ = std::move(book);
}

void Directory::create_account(Account account, Then<AccountPtr> done) {
  const AccountId id = account.id;
  post_making<AccountPtr>(
      writer_, id,
      [this, account = std::move(account)](AccountTx& tx) mutable { return create_account(tx, std::move(account)); },
      std::move(done));
}

Result<Directory::AccountPtr> Directory::create_account(AccountTx& tx, Account account) {
  const auto existing = tx.get(Table::account, "");
  if (!existing) return existing.error();
  if (*existing) return fail(Errc::conflict, "an account with this id exists", "account_exists");
  account.user_id = ++last_user_id_;
  auto made = std::make_shared<const Account>(std::move(account));
  tx.put(Table::account, "", encode(*made));
  tx.on_commit([this, made](Position) { publish(made); });
  return made;
}

void Directory::change_account(const AccountId& id, std::function<Result<void>(Account&)> change,
                               Then<AccountPtr> done) {
  if (!account(id)) return done(fail(Errc::not_found, "no such account"));
  post_making<AccountPtr>(
      writer_, id, [this, change = std::move(change)](AccountTx& tx) { return change_account(tx, change); },
      std::move(done));
}

Result<Directory::AccountPtr> Directory::change_account(AccountTx& tx,
                                                        const std::function<Result<void>(Account&)>& change) {
  const auto row = tx.get(Table::account, "");
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, "no such account");
  auto account = decode_account(**row);
  if (!account) return account.error();
  if (auto result = change(*account); !result) return result.error();
  auto changed = std::make_shared<const Account>(std::move(*account));
  tx.put(Table::account, "", encode(*changed));
  tx.on_commit([this, changed](Position) { publish(changed); });
  return changed;
}

void Directory::create_key(ApiKey key, Then<KeyPtr> done) {
  const AccountId account = key.account;
  post_making<KeyPtr>(
      writer_, account, [this, key = std::move(key)](AccountTx& tx) mutable { return create_key(tx, std::move(key)); },
      std::move(done));
}

Result<Directory::KeyPtr> Directory::create_key(AccountTx& tx, ApiKey key) {
  const auto account = tx.get(Table::account, "");
  if (!account) return account.error();
  if (!*account) return fail(Errc::not_found, "no such account");
  if (this->key(key.id)) return fail(Errc::conflict, "a key with this id exists", "key_exists");
  auto made = std::make_shared<const ApiKey>(std::move(key));
  tx.put(Table::credential, made->id.str(), encode(*made));
  tx.on_commit([this, made](Position) { publish(made); });
  return made;
}

void Directory::change_key(const KeyId& id, std::function<Result<void>(ApiKey&)> change, Then<KeyPtr> done) {
  const KeyPtr known = key(id);
  if (!known) return done(fail(Errc::not_found, "no such key"));
  post_making<KeyPtr>(
      writer_, known->account,
      [this, id, change = std::move(change)](AccountTx& tx) -> Result<KeyPtr> {
        const auto row = tx.get(Table::credential, id.str());
        if (!row) return row.error();
        if (!*row) return fail(Errc::not_found, "no such key");
        auto key = decode_api_key(**row);
        if (!key) return key.error();
        if (auto result = change(*key); !result) return result.error();
        auto changed = std::make_shared<const ApiKey>(std::move(*key));
        tx.put(Table::credential, id.str(), encode(*changed));
        tx.on_commit([this, changed](Position) { publish(changed); });
        return changed;
      },
      std::move(done));
}

void Directory::add_prices(std::vector<Price> prices, Then<std::vector<Price>> done) {
  post_making<std::vector<Price>>(
      writer_, system_account(),
      [this, prices = std::move(prices)](AccountTx& tx) mutable { return add_prices(tx, std::move(prices)); },
      std::move(done));
}

Result<std::vector<Price>> Directory::add_prices(AccountTx& tx, std::vector<Price> prices) {
  for (Price& price : prices) {
    const auto last = tx.get(Table::meta, last_version_row(price.endpoint));
    if (!last) return last.error();
    price.version = 1 + (*last ? read_be32(**last) : 0);
    std::string version;
    append_be32(version, price.version);
    tx.put(Table::meta, last_version_row(price.endpoint), std::move(version));
    tx.put(Table::price, price_row(price), encode(price));
  }
  tx.on_commit([this, prices](Position) { publish(prices); });
  return prices;
}

}  // namespace tally::storage

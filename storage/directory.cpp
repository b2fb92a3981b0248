#include "storage/directory.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>

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

Error unreadable(std::string_view account, std::string_view key, const Error& why) {
  return fail(why.code, "a row of " + std::string(account) + " (" + std::string(key) + "): " + why.detail);
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

Directory::Directory(Store& store, Writer& writer, DirectoryOptions options,
                     std::function<void(const Error&)> on_unreadable)
    : store_(store),
      writer_(writer),
      options_(options),
      on_unreadable_(on_unreadable ? std::move(on_unreadable) : [](const Error&) { std::abort(); }),
      accounts_(options.cached_accounts_max),
      keys_(options.cached_keys_max),
      prices_(std::make_shared<PriceBook>()) {}

Result<void> Directory::load() {
  std::optional<Error> broken;
  const auto read_all = [&](Table table, auto decode, auto take) {
    if (broken) return;
    const auto scanned = store_.scan_all(table, AccountId(),
                                         [&](std::string_view account, std::string_view key, std::string_view value) {
                                           auto row = decode(value);
                                           if (row) {
                                             take(std::move(*row));
                                           } else {
                                             broken = unreadable(account, key, row.error());
                                           }
                                           return !broken;
                                         });
    if (!scanned) broken = scanned.error();
  };
  auto book = std::make_shared<PriceBook>();
  read_all(Table::account, decode_account, [&](const Account& account) {
    last_user_id_ = std::max(last_user_id_.load(), account.user_id);
    ++account_count_;
  });
  read_all(Table::credential, decode_api_key, [&](const ApiKey& key) { key_index_.add(hash_of(key.id), key.account); });
  read_all(Table::price, decode_price, [&](Price price) { book->insert(std::move(price)); });
  if (broken) return *broken;
  prices_ = std::move(book);
  return {};
}

std::uint64_t Directory::hash_of(const KeyId& id) const {
  return options_.key_hash ? options_.key_hash(id.str()) : std::hash<std::string_view>{}(id.str());
}

template <class Row>
Result<std::shared_ptr<const Row>> Directory::read(Table table, const AccountId& account, std::string_view key,
                                                   Decode<Row> decode) const {
  const auto bytes = store_.get(table, account, key);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::shared_ptr<const Row>();
  auto row = decode(**bytes);
  if (!row) return unreadable(account.str(), key, row.error());
  return std::make_shared<const Row>(std::move(*row));
}

Result<Directory::KeyPtr> Directory::read_key(const KeyId& id) const {
  std::vector<AccountId> accounts;
  {
    const std::shared_lock lock(mutex_);
    accounts = key_index_.accounts(hash_of(id));
  }
  for (const AccountId& account : accounts) {
    auto row = read(Table::credential, account, id.str(), decode_api_key);
    if (!row || *row) return row;
  }
  return KeyPtr();
}

template <class Row>
std::shared_ptr<const Row> Directory::readable(Result<std::shared_ptr<const Row>> row) const {
  if (row) return std::move(*row);
  on_unreadable_(row.error());
  return nullptr;
}

Directory::AccountPtr Directory::account(const AccountId& id) const {
  return readable(accounts_.get(id, [&] { return read(Table::account, id, "", decode_account); }));
}

Directory::KeyPtr Directory::key(const KeyId& id) const {
  return readable(keys_.get(id, [&] { return read_key(id); }));
}

std::shared_ptr<const PriceBook> Directory::prices() const {
  const std::shared_lock lock(mutex_);
  return prices_;
}

std::size_t Directory::account_count() const {
  return account_count_.load(std::memory_order_relaxed);
}

std::vector<Directory::AccountPtr> Directory::accounts(const AccountId& after, std::size_t limit) const {
  std::vector<AccountPtr> page;
  if (limit == 0) return page;
  Result<void> decoded;
  const auto scanned = store_.scan_all(Table::account, after,
                                       [&](std::string_view account, std::string_view key, std::string_view bytes) {
                                         if (account == after.str()) return true;
                                         auto row = decode_account(bytes);
                                         if (!row) {
                                           decoded = unreadable(account, key, row.error());
                                           return false;
                                         }
                                         page.push_back(std::make_shared<const Account>(std::move(*row)));
                                         return page.size() < limit;
                                       });
  if (!scanned) on_unreadable_(scanned.error());
  if (!decoded) on_unreadable_(decoded.error());
  return page;
}

std::vector<AccountId> Directory::account_ids(const AccountId& after, std::size_t limit) const {
  std::vector<AccountId> page;
  if (limit == 0) return page;
  const auto scanned =
      store_.scan_all(Table::account, after, [&](std::string_view account, std::string_view, std::string_view) {
        if (account != after.str()) page.emplace_back(std::string(account));
        return page.size() < limit;
      });
  if (!scanned) on_unreadable_(scanned.error());
  return page;
}

std::vector<Directory::KeyPtr> Directory::keys_of(const AccountId& account) const {
  std::vector<KeyPtr> keys;
  Result<void> decoded;
  const auto scanned = store_.scan(Table::credential, account, {}, [&](std::string_view key, std::string_view bytes) {
    auto row = decode_api_key(bytes);
    if (!row) {
      decoded = unreadable(account.str(), key, row.error());
      return false;
    }
    keys.push_back(std::make_shared<const ApiKey>(std::move(*row)));
    return true;
  });
  if (!scanned) on_unreadable_(scanned.error());
  if (!decoded) on_unreadable_(decoded.error());
  return keys;
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
  tx.on_commit([this, id = made->id](Position) {
    ++account_count_;
    accounts_.changed(id);
  });
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
  tx.on_commit([this, id = changed->id](Position) { accounts_.changed(id); });
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
  const auto on_its_way = tx.get(Table::credential, key.id.str());
  if (!on_its_way) return on_its_way.error();
  if (*on_its_way || this->key(key.id)) return fail(Errc::conflict, "a key with this id exists", "key_exists");
  auto made = std::make_shared<const ApiKey>(std::move(key));
  tx.put(Table::credential, made->id.str(), encode(*made));
  tx.on_commit([this, made](Position) {
    {
      const std::unique_lock lock(mutex_);
      key_index_.add(hash_of(made->id), made->account);
    }
    keys_.changed(made->id);
  });
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
        tx.on_commit([this, id](Position) { keys_.changed(id); });
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

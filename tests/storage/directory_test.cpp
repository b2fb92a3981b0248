#include "storage/directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"
#include "tests/sim/forwarding_store.h"

namespace directory_test {

using namespace tally;
using namespace tally::storage;

namespace {

// Lets a test act between a read or a commit and its answer, counts reads, and fails them when told to.
class WatchedStore final : public sim::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  std::function<void()> after_read;
  std::function<void()> after_commit;
  bool fails = false;
  mutable std::size_t reads = 0;

  Result<std::optional<std::string>> get(Table table, const AccountId& account, std::string_view key) const override {
    ++reads;
    if (fails) return fail(Errc::unavailable, "injected");
    auto row = ForwardingStore::get(table, account, key);
    if (const auto act = std::exchange(const_cast<WatchedStore*>(this)->after_read, nullptr)) act();
    return row;
  }
  Result<void> scan(Table table, const AccountId& account, const ScanRange& range,
                    const RowVisitor& visit) const override {
    if (fails) return fail(Errc::unavailable, "injected");
    return ForwardingStore::scan(table, account, range, visit);
  }
  Result<void> scan_all(Table table, const AccountId& from, const AccountRowVisitor& visit) const override {
    if (fails) return fail(Errc::unavailable, "injected");
    return ForwardingStore::scan_all(table, from, visit);
  }
  Result<Position> commit(std::span<const Batch> batches, Durability durability) override {
    auto position = ForwardingStore::commit(batches, durability);
    if (after_commit) after_commit();
    return position;
  }
};

// A directory that has room for two accounts and two keys.
struct House {
  MemoryStore memory;
  WatchedStore store{memory};
  AccountWriter writer{store, {.shards = 1, .waiting_max = 1000, .threads = false}, [](const Error&) {}};
  std::vector<Error> unreadable;
  Directory directory{store, writer, {.cached_accounts_max = 2, .cached_keys_max = 2}, [this](const Error& error) {
                        unreadable.push_back(error);
                      }};

  void settle() {
    while (writer.step()) {
    }
  }
  Result<Directory::AccountPtr> create(const std::string& id) {
    Account account;
    account.id = AccountId(id);
    Result<Directory::AccountPtr> made = Directory::AccountPtr();
    directory.create_account(account, [&](Result<Directory::AccountPtr> result) { made = std::move(result); });
    settle();
    return made;
  }
  void post_name(const std::string& id, const std::string& name) {
    directory.change_account(
        AccountId(id),
        [name](Account& account) -> Result<void> {
          account.name = name;
          return {};
        },
        nullptr);
  }
  std::string name_of(const std::string& id) const {
    const auto account = directory.account(AccountId(id));
    return account ? account->name : "there is none";
  }
  Result<Directory::KeyPtr> create_key(const std::string& id, const std::string& account) {
    ApiKey key;
    key.id = KeyId(id);
    key.account = AccountId(account);
    Result<Directory::KeyPtr> made = Directory::KeyPtr();
    directory.create_key(key, [&](Result<Directory::KeyPtr> result) { made = std::move(result); });
    settle();
    return made;
  }
  void disable(const std::string& key) {
    directory.change_key(
        KeyId(key),
        [](ApiKey& k) -> Result<void> {
          k.status = KeyStatus::disabled;
          return {};
        },
        nullptr);
  }
  void put_raw(const std::string& account, Table table, const std::string& key, std::string bytes) {
    Batch batch{AccountId(account)};
    batch.put(table, key, std::move(bytes));
    REQUIRE(store.commit({&batch, 1}, Durability::synced).has_value());
  }
};

std::vector<std::string> ids_of(const std::vector<Directory::AccountPtr>& accounts) {
  std::vector<std::string> ids;
  for (const auto& account : accounts) ids.push_back(account->id.str());
  return ids;
}

std::vector<std::string> ids_of(const std::vector<Directory::KeyPtr>& keys) {
  std::vector<std::string> ids;
  for (const auto& key : keys) ids.push_back(key->id.str());
  return ids;
}

Price price(std::string endpoint, std::int64_t micros, std::int64_t at_ms = 0) {
  Price p;
  p.endpoint = std::move(endpoint);
  p.credits = Credits::from_micros(micros);
  p.effective_at = UtcTime::from_ms(at_ms);
  return p;
}

}  // namespace

TEST_CASE("directory: an account is found once it is committed, and again after a restart") {
  House house;
  REQUIRE(house.create("acme").has_value());
  CHECK(house.directory.account(AccountId("acme"))->user_id == 1);
  Directory again(house.store, house.writer);
  REQUIRE(again.load().has_value());
  CHECK(again.account(AccountId("acme"))->user_id == 1);
  CHECK_FALSE(again.account(AccountId("other")));
}

TEST_CASE("directory: user ids are never given twice, also after a restart") {
  House house;
  REQUIRE(house.create("a").has_value());
  REQUIRE(house.create("b").has_value());
  Directory again(house.store, house.writer);
  REQUIRE(again.load().has_value());
  Account account;
  account.id = AccountId("c");
  std::uint64_t id = 0;
  again.create_account(account, [&](const Result<Directory::AccountPtr>& made) { id = (*made)->user_id; });
  house.settle();
  CHECK(id == 3);
}

TEST_CASE("directory: an id that is taken is a conflict and changes nothing") {
  House house;
  REQUIRE(house.create("acme").has_value());
  const auto second = house.create("acme");
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().rule == "account_exists");
  CHECK(house.directory.account(AccountId("acme"))->user_id == 1);
}

TEST_CASE("directory: a refused change leaves the account as it was") {
  House house;
  REQUIRE(house.create("acme").has_value());
  Errc code{};
  house.directory.change_account(
      AccountId("acme"),
      [](Account& account) -> Result<void> {
        account.name = "changed";
        return fail(Errc::invalid_argument, "no");
      },
      [&](const Result<Directory::AccountPtr>& result) { code = result.error().code; });
  house.settle();
  CHECK(code == Errc::invalid_argument);
  CHECK(house.directory.account(AccountId("acme"))->name.empty());
}

TEST_CASE("directory: a key belongs to an account that exists, and changes reach the look-up") {
  House house;
  CHECK(house.create_key("key_1", "acme").error().code == Errc::not_found);
  REQUIRE(house.create("acme").has_value());
  REQUIRE(house.create_key("key_1", "acme").has_value());
  REQUIRE(house.directory.key(KeyId("key_1")));
  house.disable("key_1");
  house.settle();
  CHECK(house.directory.key(KeyId("key_1"))->status == KeyStatus::disabled);
  CHECK(house.directory.keys_of(AccountId("acme")).size() == 1);
}

TEST_CASE("directory: a key's id is taken from the first command that makes it, committed or not") {
  House house;
  REQUIRE(house.create("acme").has_value());
  REQUIRE(house.create("other").has_value());
  ApiKey key;
  key.id = KeyId("key_1");
  key.account = AccountId("acme");
  std::string refused;
  house.directory.create_key(key, nullptr);
  house.directory.create_key(key, [&](const Result<Directory::KeyPtr>& result) { refused = result.error().rule; });
  house.settle();
  CHECK(refused == "key_exists");
  CHECK(house.create_key("key_1", "other").error().rule == "key_exists");
  CHECK(house.directory.key(KeyId("key_1"))->account == AccountId("acme"));
}

TEST_CASE("directory: accounts that are not in memory are found, as their last change left them") {
  House house;
  for (int i = 0; i < 20; ++i) REQUIRE(house.create("a" + std::to_string(i)).has_value());
  for (int i = 0; i < 20; ++i) house.post_name("a" + std::to_string(i), "name" + std::to_string(i));
  house.settle();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) CHECK(house.name_of("a" + std::to_string(i)) == "name" + std::to_string(i));
  }
  CHECK_FALSE(house.directory.account(AccountId("a20")));
  CHECK(house.unreadable.empty());
}

TEST_CASE("directory: an account in memory is answered without a read, and the one used longest ago gives way") {
  House house;
  for (const char* id : {"a", "b", "c"}) REQUIRE(house.create(id).has_value());
  const auto reads = [&](const std::string& id) {
    const std::size_t before = house.store.reads;
    CHECK(house.directory.account(AccountId(id)));
    return house.store.reads - before;
  };
  CHECK(reads("a") == 1);
  CHECK(reads("b") == 1);
  CHECK(reads("a") == 0);
  CHECK(reads("c") == 1);  // takes the place of b
  CHECK(reads("a") == 0);
  CHECK(reads("b") == 1);
}

TEST_CASE("directory: who reads an account while it changes does not leave the older state behind") {
  House house;
  REQUIRE(house.create("acme").has_value());
  house.store.after_read = [&] {
    house.post_name("acme", "newer");
    house.settle();
  };
  CHECK(house.name_of("acme").empty());  // it asked before the change was done
  CHECK(house.name_of("acme") == "newer");
  CHECK(house.name_of("acme") == "newer");
}

TEST_CASE("directory: who reads a key while it is disabled does not leave it enabled") {
  House house;
  REQUIRE(house.create("acme").has_value());
  REQUIRE(house.create_key("key_1", "acme").has_value());
  house.store.after_read = [&] {
    house.disable("key_1");
    house.settle();
  };
  CHECK(house.directory.key(KeyId("key_1"))->status == KeyStatus::active);
  CHECK(house.directory.key(KeyId("key_1"))->status == KeyStatus::disabled);
}

TEST_CASE("directory: two changes in one commit are never seen going backwards") {
  House house;
  REQUIRE(house.create("acme").has_value());
  for (const bool cached : {true, false}) {
    if (!cached) {
      for (const char* id : {"x", "y"}) {
        REQUIRE(house.create(id).has_value());
        REQUIRE(house.directory.account(AccountId(id)));
      }
    }
    const std::string before = cached ? house.name_of("acme") : "second";
    std::vector<std::string> seen;
    const auto look = [&] { seen.push_back(house.name_of("acme")); };
    house.store.after_commit = look;
    house.post_name("acme", "first");
    house.writer.post(
        AccountId("acme"),
        [&](AccountTx& tx) -> Result<void> {
          tx.on_commit([&](Position) { look(); });
          return {};
        },
        Durability::synced, nullptr);
    house.post_name("acme", "second");
    house.settle();
    house.store.after_commit = nullptr;
    look();
    const std::vector<std::string> expected{cached ? before : "second", "second", "second"};
    CHECK(seen == expected);
  }
}

TEST_CASE("directory: whoever asks after a change is done sees it, whatever other threads read meanwhile") {
  MemoryStore store;
  AccountWriter writer(store, {.shards = 2}, [](const Error&) {});
  Directory directory(store, writer, {.cached_accounts_max = 2, .cached_keys_max = 2});
  constexpr int accounts = 6;
  constexpr std::uint64_t changes = 300;
  for (int i = 0; i < accounts; ++i) {
    Account account;
    account.id = AccountId("a" + std::to_string(i));
    std::promise<void> created;
    directory.create_account(std::move(account), [&](const Result<Directory::AccountPtr>&) { created.set_value(); });
    created.get_future().wait();
  }
  std::atomic<std::uint64_t> done{0};
  std::atomic<int> stale{0};
  const auto seen_in = [&](int number) {
    const auto account = directory.account(AccountId("a" + std::to_string(number)));
    return account && !account->name.empty() ? std::stoull(account->name) : 0;
  };
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 2; ++thread) {
    readers.emplace_back([&] {
      std::array<std::uint64_t, accounts> last{};
      for (int i = 0; done.load() < changes; i = (i + 1) % accounts) {
        const std::uint64_t at_least = std::max(done.load(), last[static_cast<std::size_t>(i)]);
        last[static_cast<std::size_t>(i)] = seen_in(i);
        if (last[static_cast<std::size_t>(i)] < at_least) ++stale;
      }
    });
  }
  for (std::uint64_t change = 1; change <= changes; ++change) {
    std::array<std::promise<void>, accounts> changed;
    for (int i = 0; i < accounts; ++i) {
      directory.change_account(
          AccountId("a" + std::to_string(i)),
          [change](Account& account) -> Result<void> {
            account.name = std::to_string(change);
            return {};
          },
          [&told = changed[static_cast<std::size_t>(i)]](const Result<Directory::AccountPtr>&) { told.set_value(); });
    }
    for (auto& each : changed) each.get_future().wait();
    done = change;
  }
  for (std::thread& reader : readers) reader.join();
  CHECK(stale == 0);
  for (int i = 0; i < accounts; ++i) CHECK(seen_in(i) == changes);
}

TEST_CASE("directory: the list is in order of ids, whatever is in memory, and goes on after any id") {
  House house;
  for (const char* id : {"d", "a", "c", "b", "a-b"}) REQUIRE(house.create(id).has_value());
  house.post_name("c", "changed");
  house.settle();
  const auto after = [&](const std::string& id, std::size_t limit) {
    auto ids = ids_of(house.directory.accounts(AccountId(id), limit));
    std::vector<std::string> alone;
    for (const AccountId& each : house.directory.account_ids(AccountId(id), limit)) alone.push_back(each.str());
    CHECK(alone == ids);
    return ids;
  };
  using Ids = std::vector<std::string>;
  CHECK(after("", 3) == Ids{"a", "a-b", "b"});
  CHECK(after("b", 3) == Ids{"c", "d"});
  CHECK(after("bb", 1) == Ids{"c"});
  CHECK(after("d", 3).empty());
  CHECK(after("", 0).empty());
  CHECK(house.directory.accounts(AccountId("b"), 1).front()->name == "changed");
}

TEST_CASE("directory: accounts are counted, also after a restart, and a refused one is not") {
  House house;
  for (const char* id : {"a", "b", "c"}) REQUIRE(house.create(id).has_value());
  REQUIRE_FALSE(house.create("b").has_value());
  house.post_name("a", "changed");
  house.settle();
  CHECK(house.directory.account_count() == 3);
  Directory again(house.store, house.writer);
  REQUIRE(again.load().has_value());
  CHECK(again.account_count() == 3);
}

TEST_CASE("directory: keys are found by their id alone, whatever is in memory, also after a restart") {
  House house;
  for (int i = 0; i < 10; ++i) {
    const std::string account = "a" + std::to_string(i);
    REQUIRE(house.create(account).has_value());
    for (const char* name : {"_x", "_y"})
      REQUIRE(house.create_key("key" + std::to_string(i) + name, account).has_value());
  }
  house.disable("key3_y");
  house.settle();
  Directory again(house.store, house.writer, {.cached_accounts_max = 2, .cached_keys_max = 2});
  REQUIRE(again.load().has_value());
  for (const Directory* directory : {&std::as_const(house.directory), &std::as_const(again)}) {
    for (int i = 0; i < 10; ++i) {
      for (const char* name : {"_x", "_y"}) {
        const auto key = directory->key(KeyId("key" + std::to_string(i) + name));
        REQUIRE(key);
        CHECK(key->account.str() == "a" + std::to_string(i));
        CHECK((key->status == KeyStatus::disabled) == (key->id.str() == "key3_y"));
      }
      CHECK(ids_of(directory->keys_of(AccountId("a3"))) == std::vector<std::string>{"key3_x", "key3_y"});
    }
  }
}

TEST_CASE("directory: a key that does not exist costs no read") {
  House house;
  REQUIRE(house.create("acme").has_value());
  REQUIRE(house.create_key("key_1", "acme").has_value());
  const std::size_t before = house.store.reads;
  CHECK_FALSE(house.directory.key(KeyId("key_2")));
  CHECK(house.store.reads == before);
}

TEST_CASE("directory: keys whose hashes are equal are told apart by their rows") {
  House house;
  const DirectoryOptions colliding{.key_hash = [](std::string_view) { return std::uint64_t{7}; }};
  for (const char* id : {"a", "b", "c"}) {
    REQUIRE(house.create(id).has_value());
    REQUIRE(house.create_key("key_" + std::string(id), id).has_value());
  }
  Directory again(house.store, house.writer, colliding);
  REQUIRE(again.load().has_value());
  for (const char* id : {"a", "b", "c"}) {
    const auto key = again.key(KeyId("key_" + std::string(id)));
    REQUIRE(key);
    CHECK(key->account.str() == id);
  }
  CHECK_FALSE(again.key(KeyId("key_d")));
}

TEST_CASE("directory: a read that fails is told, and does not pass for an account that is not there") {
  House house;
  REQUIRE(house.create("acme").has_value());
  REQUIRE(house.create_key("key_1", "acme").has_value());
  house.store.fails = true;
  CHECK_FALSE(house.directory.account(AccountId("acme")));
  CHECK(house.unreadable.size() == 1);
  CHECK_FALSE(house.directory.key(KeyId("key_1")));
  CHECK(house.unreadable.size() == 2);
  CHECK(house.directory.accounts(AccountId(), 10).empty());
  CHECK(house.unreadable.size() == 3);
  CHECK(house.directory.account_ids(AccountId(), 10).empty());
  CHECK(house.unreadable.size() == 4);
  CHECK(house.directory.keys_of(AccountId("acme")).empty());
  CHECK(house.unreadable.size() == 5);
  for (const Error& error : house.unreadable) CHECK(error.code == Errc::unavailable);
  house.store.fails = false;
  CHECK(house.directory.account(AccountId("acme")));
  CHECK(house.directory.key(KeyId("key_1")));
  CHECK(house.unreadable.size() == 5);
}

TEST_CASE("directory: a row that cannot be decoded is told with its account, at the start and later") {
  House house;
  for (const char* id : {"acme", "other"}) REQUIRE(house.create(id).has_value());
  REQUIRE(house.create_key("key_1", "acme").has_value());
  house.put_raw("other", Table::account, "", "?");
  house.put_raw("acme", Table::credential, "key_1", "?");
  CHECK_FALSE(house.directory.account(AccountId("other")));
  CHECK_FALSE(house.directory.key(KeyId("key_1")));
  CHECK(ids_of(house.directory.accounts(AccountId(), 10)) == std::vector<std::string>{"acme"});
  CHECK(house.directory.keys_of(AccountId("acme")).empty());
  REQUIRE(house.unreadable.size() == 4);
  for (const Error& error : house.unreadable) CHECK(error.code == Errc::corrupt);
  CHECK(house.unreadable[0].detail.find("other") != std::string::npos);
  CHECK(house.unreadable[1].detail.find("acme (key_1)") != std::string::npos);
  Directory again(house.store, house.writer);
  const auto loaded = again.load();
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().code == Errc::corrupt);
  CHECK(loaded.error().detail.find("other") != std::string::npos);
}

TEST_CASE("directory: price versions count up per endpoint, also when two changes are under way at once") {
  House house;
  house.directory.add_prices({price("search", 1), price("enrich", 2)}, nullptr);
  house.directory.add_prices({price("search", 3)}, nullptr);
  house.settle();
  CHECK(house.directory.prices()->find("search", UtcTime::from_ms(1))->version == 2);
  CHECK(house.directory.prices()->find("search", UtcTime::from_ms(1))->credits.micros() == 3);
  CHECK(house.directory.prices()->find("enrich", UtcTime::from_ms(1))->version == 1);
  Directory again(house.store, house.writer);
  REQUIRE(again.load().has_value());
  CHECK(again.prices()->find("search", UtcTime::from_ms(1))->version == 2);
}

}  // namespace directory_test

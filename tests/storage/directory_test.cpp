#include "storage/directory.h"

#include <doctest/doctest.h>

#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace directory_test {

using namespace tally;
using namespace tally::storage;

namespace {

struct House {
  MemoryStore store;
  AccountWriter writer{store, {.shards = 1, .waiting_max = 1000, .threads = false}, [](const Error&) {}};
  Directory directory{store, writer};

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
};

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
  ApiKey key;
  key.id = KeyId("key_1");
  key.account = AccountId("acme");
  Errc code{};
  house.directory.create_key(key, [&](const Result<Directory::KeyPtr>& result) { code = result.error().code; });
  house.settle();
  CHECK(code == Errc::not_found);
  REQUIRE(house.create("acme").has_value());
  house.directory.create_key(key, nullptr);
  house.settle();
  REQUIRE(house.directory.key(KeyId("key_1")));
  house.directory.change_key(
      KeyId("key_1"),
      [](ApiKey& k) -> Result<void> {
        k.status = KeyStatus::disabled;
        return {};
      },
      nullptr);
  house.settle();
  CHECK(house.directory.key(KeyId("key_1"))->status == KeyStatus::disabled);
  CHECK(house.directory.keys_of(AccountId("acme")).size() == 1);
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

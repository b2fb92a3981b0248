#include "storage/key_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace key_index_test {

using namespace tally;
using namespace tally::storage;

namespace {

std::uint64_t spread(std::uint64_t number) {
  return number * 0x9e3779b97f4a7c15;
}

}  // namespace

TEST_CASE("key index: every hash leads to its account, however many there are") {
  KeyIndex index;
  CHECK(index.accounts(1).empty());
  constexpr std::uint64_t keys = 10'000;
  for (std::uint64_t i = 0; i < keys; ++i) index.add(spread(i), AccountId("acct" + std::to_string(i / 3)));
  for (std::uint64_t i = 0; i < keys; ++i) {
    const auto found = index.accounts(spread(i));
    REQUIRE(found.size() == 1);
    CHECK(found.front().str() == "acct" + std::to_string(i / 3));
  }
  CHECK(index.accounts(spread(keys)).empty());
}

TEST_CASE("key index: equal hashes lead to each of their accounts, also when the table grows between them") {
  KeyIndex index;
  index.add(5, AccountId("a"));
  index.add(5, AccountId("b"));
  for (std::uint64_t i = 100; i < 300; ++i) index.add(i * 64, AccountId("other"));
  index.add(5, AccountId("c"));
  index.add(6, AccountId("next"));
  std::string found;
  for (const AccountId& account : index.accounts(5)) found += account.str();
  std::sort(found.begin(), found.end());
  CHECK(found == "abc");
  REQUIRE(index.accounts(6).size() == 1);
  CHECK(index.accounts(6).front().str() == "next");
}

}  // namespace key_index_test

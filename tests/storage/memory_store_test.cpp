#include "storage/memory/memory_store.h"

#include <doctest/doctest.h>

#include "tests/contract/store_contract.h"

namespace tally::storage::memory_store_test {

TEST_CASE("memory store: keeps the store contract") {
  check_store_contract([] { return std::make_unique<MemoryStore>(); });
}

TEST_CASE("memory store: a clone goes its own way") {
  const AccountId acme("acme");
  MemoryStore store;
  Batch batch(acme);
  batch.put(Table::job, "r", "1");
  batch.append("one");
  commit_one(store, batch);
  const auto copy = store.clone();
  Batch change(acme);
  change.put(Table::job, "r", "2");
  change.append("two");
  CHECK(commit_one(*copy, change) == 2);
  CHECK(value_of(store, Table::job, acme, "r") == "1");
  CHECK(value_of(*copy, Table::job, acme, "r") == "2");
  CHECK(journal_of(store).size() == 1);
}

TEST_CASE("memory store: a snapshot outlives its store") {
  const AccountId acme("acme");
  auto store = std::make_unique<MemoryStore>();
  Batch batch(acme);
  batch.put(Table::job, "r", "1");
  commit_one(*store, batch);
  const auto snapshot = store->snapshot();
  store.reset();
  CHECK(value_of(*snapshot, Table::job, acme, "r") == "1");
}

}  // namespace tally::storage::memory_store_test

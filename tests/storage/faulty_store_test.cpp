#include "tests/sim/faulty_store.h"

#include <doctest/doctest.h>

#include <set>

#include "core/manual.h"
#include "tests/contract/store_contract.h"

namespace tally::storage::faulty_store_test {

namespace {

const AccountId acme("acme");

Batch numbered(int i) {
  Batch batch(acme);
  batch.put(Table::job, std::to_string(i), "v");
  batch.append(std::to_string(i));
  return batch;
}

}  // namespace

TEST_CASE("faulty store: keeps the store contract while nothing fails") {
  static SeededRandom random(1);
  check_store_contract([] { return std::make_unique<sim::FaultyStore>(random, sim::CommitFaults{}); });
}

TEST_CASE("faulty store: after a failed commit every commit is refused until the restart") {
  SeededRandom random(1);
  for (const sim::CommitFaults faults : {sim::CommitFaults{1000, 0}, sim::CommitFaults{0, 1000}}) {
    sim::FaultyStore store(random, faults);
    const Batch batch = numbered(1);
    const auto failed = store.commit({&batch, 1}, Durability::synced);
    REQUIRE(!failed);
    CHECK(failed.error().code == Errc::unavailable);
    CHECK(store.doubtful());
    CHECK(!store.writable());
    CHECK((value_of(store, Table::job, acme, "1") == "v") == (faults.fail_after > 0));
    store.set_faults({});
    CHECK(!store.commit({&batch, 1}, Durability::synced));
    store.kill();
    CHECK(store.commit({&batch, 1}, Durability::synced).has_value());
  }
}

TEST_CASE("faulty store: a crash keeps what was synced and any prefix of the rest") {
  std::set<std::size_t> kept;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SeededRandom random(seed);
    sim::FaultyStore store(random, {});
    commit_one(store, numbered(0), Durability::synced);
    for (int i = 1; i <= 3; ++i) commit_one(store, numbered(i), Durability::relaxed);
    store.crash();
    const auto rows = rows_of(store, Table::job, acme);
    kept.insert(rows.size());
    REQUIRE(rows.size() >= 1);
    CHECK(rows.back().key == std::to_string(rows.size() - 1));
    CHECK(journal_of(store).size() == rows.size());
    CHECK(commit_one(store, numbered(9)) == rows.size() + 1);
  }
  CHECK(kept == std::set<std::size_t>{1, 2, 3, 4});
}

TEST_CASE("faulty store: a synced commit or a sync keeps the relaxed ones before it") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    sim::FaultyStore store(random, {});
    commit_one(store, numbered(0), Durability::relaxed);
    commit_one(store, numbered(1), Durability::synced);
    commit_one(store, numbered(2), Durability::relaxed);
    REQUIRE(store.sync().has_value());
    store.crash();
    CHECK(rows_of(store, Table::job, acme).size() == 3);
  }
}

TEST_CASE("faulty store: a kill keeps relaxed commits and leaves only the doubtful one to chance") {
  std::set<std::size_t> kept;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    sim::FaultyStore store(random, {});
    commit_one(store, numbered(0), Durability::relaxed);
    store.set_faults({0, 1000});
    const Batch doubtful = numbered(1);
    REQUIRE(!store.commit({&doubtful, 1}, Durability::synced));
    store.kill();
    kept.insert(rows_of(store, Table::job, acme).size());
  }
  CHECK(kept == std::set<std::size_t>{1, 2});
}

}  // namespace tally::storage::faulty_store_test

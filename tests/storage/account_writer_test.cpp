#include "storage/account_writer.h"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <map>
#include <thread>

#include "core/codec.h"
#include "core/manual.h"
#include "storage/memory/memory_store.h"
#include "tests/sim/faulty_store.h"

namespace account_writer_test {

using namespace tally;
using namespace tally::storage;

namespace {

constexpr WriterOptions by_hand{.shards = 2, .waiting_max = 1000, .threads = false};

Command put(std::string key, std::string value) {
  return [key, value](AccountTx& tx) -> Result<void> {
    tx.put(Table::job, key, value);
    return {};
  };
}

// Adds one to a number in a row: only right if commands of an account run one after the other and see each other's
// writes.
Command count(std::string key) {
  return [key](AccountTx& tx) -> Result<void> {
    const auto row = tx.get(Table::job, key);
    if (!row) return row.error();
    std::string next;
    append_be64(next, *row ? read_be64(**row) + 1 : 1);
    tx.put(Table::job, key, next);
    return {};
  };
}

}  // namespace

TEST_CASE("account writer: nothing is done before it is committed") {
  MemoryStore store;
  AccountWriter writer(store, by_hand, [](const Error&) {});
  bool done = false;
  writer.post(AccountId("a"), put("k", "v"), Durability::synced,
              [&](const Result<void>& result) { done = result.has_value(); });
  CHECK_FALSE(done);
  CHECK_FALSE(*store.get(Table::job, AccountId("a"), "k"));
  CHECK(writer.step());
  CHECK(done);
  CHECK(**store.get(Table::job, AccountId("a"), "k") == "v");
  CHECK_FALSE(writer.step());
}

TEST_CASE("account writer: commands see what earlier ones wrote, however little of it is kept in memory") {
  for (const std::size_t kept : {0, 1'000, 1'000'000}) {
    MemoryStore store;
    WriterOptions options = by_hand;
    options.kept_row_bytes = kept;
    AccountWriter writer(store, options, [](const Error&) {});
    const AccountId account("a");
    std::map<std::string, std::optional<std::string>> expected;
    SeededRandom random(7);
    for (int i = 0; i < 2'000; ++i) {
      const std::string key = std::to_string(random.below(40));
      writer.post(
          account,
          [&, key, i](AccountTx& tx) -> Result<void> {
            const auto row = tx.get(Table::job, key);
            REQUIRE(row);
            CHECK(*row == expected[key]);
            if (i % 3 == 0) {
              tx.erase(Table::job, key);
              expected[key].reset();
            } else {
              tx.put(Table::job, key, std::to_string(i));
              expected[key] = std::to_string(i);
            }
            return {};
          },
          Durability::relaxed, nullptr);
      if (random.below(3) == 0) writer.run_shards();
      if (random.below(5) == 0) writer.commit_ready();
    }
    writer.stop();
    for (const auto& [key, value] : expected) CHECK(*store.get(Table::job, account, key) == value);
  }
}

TEST_CASE("account writer: a command sees the writes of earlier ones that are not committed yet, and its own") {
  MemoryStore store;
  AccountWriter writer(store, by_hand, [](const Error&) {});
  std::optional<std::string> seen_by_second;
  std::optional<std::string> seen_after_erase = "unset";
  writer.post(AccountId("a"), put("k", "first"), Durability::synced, nullptr);
  writer.post(
      AccountId("a"),
      [&](AccountTx& tx) -> Result<void> {
        seen_by_second = *tx.get(Table::job, "k");
        tx.erase(Table::job, "k");
        seen_after_erase = *tx.get(Table::job, "k");
        return {};
      },
      Durability::synced, nullptr);
  writer.step();
  CHECK(seen_by_second == "first");
  CHECK_FALSE(seen_after_erase);
  CHECK_FALSE(*store.get(Table::job, AccountId("a"), "k"));
}

TEST_CASE("account writer: an error drops everything the command wrote and reaches its caller") {
  MemoryStore store;
  AccountWriter writer(store, by_hand, [](const Error&) {});
  std::optional<Errc> code;
  bool committed = false;
  writer.post(
      AccountId("a"),
      [&](AccountTx& tx) -> Result<void> {
        tx.put(Table::job, "k", "v");
        tx.on_commit([&](Position) { committed = true; });
        return fail(Errc::conflict, "no");
      },
      Durability::synced, [&](const Result<void>& result) { code = result.error().code; });
  std::optional<std::string> seen = "unset";
  writer.post(
      AccountId("a"),
      [&](AccountTx& tx) -> Result<void> {
        seen = *tx.get(Table::job, "k");
        return {};
      },
      Durability::synced, nullptr);
  writer.step();
  CHECK(code == Errc::conflict);
  CHECK_FALSE(committed);
  CHECK_FALSE(seen);
  CHECK_FALSE(*store.get(Table::job, AccountId("a"), "k"));
}

TEST_CASE("account writer: commit actions come before the answer, in order, with the place of the first record") {
  MemoryStore store;
  AccountWriter writer(store, by_hand, [](const Error&) {});
  std::vector<std::string> events;
  for (const int records : {2, 0, 1}) {
    writer.post(
        AccountId("a"),
        [&events, records](AccountTx& tx) -> Result<void> {
          for (int i = 0; i < records; ++i) tx.append("r");
          tx.on_commit([&events](Position position) { events.push_back("at " + std::to_string(position)); });
          return {};
        },
        Durability::synced, [&events](const Result<void>&) { events.emplace_back("done"); });
  }
  writer.step();
  CHECK(events == std::vector<std::string>{"at 1", "at 0", "at 3", "done", "done", "done"});
}

TEST_CASE("account writer: what waits when it stops is finished, what comes later is refused") {
  MemoryStore store;
  AccountWriter writer(store, {.shards = 2, .waiting_max = 1000, .threads = true}, [](const Error&) {});
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) {
    writer.post(AccountId("a" + std::to_string(i)), put("k", "v"), Durability::synced,
                [&](const Result<void>& r) { done += r.has_value(); });
  }
  writer.stop();
  CHECK(done == 100);
  std::optional<Errc> code;
  writer.post(AccountId("a"), put("k", "v"), Durability::synced, [&](const Result<void>& r) { code = r.error().code; });
  CHECK(code == Errc::unavailable);
}

TEST_CASE("account writer: too many waiting commands are refused at once") {
  MemoryStore store;
  AccountWriter writer(store, {.shards = 1, .waiting_max = 2, .threads = false}, [](const Error&) {});
  std::optional<Errc> code;
  writer.post(AccountId("a"), put("1", "v"), Durability::synced, nullptr);
  writer.post(AccountId("a"), put("2", "v"), Durability::synced, nullptr);
  writer.post(AccountId("a"), put("3", "v"), Durability::synced, [&](const Result<void>& r) { code = r.error().code; });
  CHECK(code == Errc::exhausted);
  writer.step();
  CHECK_FALSE(*store.get(Table::job, AccountId("a"), "3"));
}

TEST_CASE("account writer: a refused command that nobody waits for is dropped") {
  MemoryStore store;
  AccountWriter writer(store, {.shards = 1, .waiting_max = 1, .threads = false}, [](const Error&) {});
  writer.post(AccountId("a"), put("1", "v"), Durability::synced, nullptr);
  writer.post(AccountId("a"), put("2", "v"), Durability::synced, nullptr);
  writer.stop();
  writer.post(AccountId("a"), put("3", "v"), Durability::synced, nullptr);
  CHECK(*store.get(Table::job, AccountId("a"), "1"));
  CHECK_FALSE(*store.get(Table::job, AccountId("a"), "2"));
  CHECK_FALSE(*store.get(Table::job, AccountId("a"), "3"));
}

TEST_CASE("account writer: after a doubtful commit nothing is acknowledged and nothing more is written") {
  SeededRandom random(1);
  sim::FaultyStore store(random, {.fail_before = 1000, .fail_after = 0});
  int doubts = 0;
  AccountWriter writer(store, by_hand, [&](const Error&) { ++doubts; });
  std::vector<Errc> codes;
  const auto note = [&](const Result<void>& r) { codes.push_back(r.error().code); };
  writer.post(AccountId("a"), put("k", "v"), Durability::synced, note);
  writer.step();
  writer.post(AccountId("b"), put("k", "v"), Durability::synced, note);
  writer.step();
  CHECK(doubts == 1);
  CHECK(codes == std::vector<Errc>{Errc::unavailable, Errc::unavailable});
}

TEST_CASE("account writer: racing commands of one account lose no update, and a group shares a commit") {
  MemoryStore store;
  AccountWriter writer(store, {.shards = 2, .waiting_max = 100'000, .threads = true}, [](const Error&) {});
  constexpr int threads = 4;
  constexpr int each = 2'000;
  std::latch finished(threads * each);
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        writer.post(AccountId("hot"), count("n"), Durability::synced,
                    [&](const Result<void>&) { finished.count_down(); });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  finished.wait();
  CHECK(read_be64(**store.get(Table::job, AccountId("hot"), "n")) == threads * each);
  CHECK(writer.stats().commits < threads * each);
}

}  // namespace account_writer_test

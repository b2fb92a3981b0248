#include "storage/joined_work.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace joined_work_test {

using namespace tally;
using namespace tally::storage;

namespace {

const AccountId acme("acme");
const AccountId globex("globex");

struct House {
  struct Piece {
    std::string name;
    std::size_t weight = 1;
    std::size_t size() const { return weight; }
  };
  MemoryStore store;
  AccountWriter writer{store, WriterOptions{.shards = 1, .waiting_max = 3, .threads = false}, [](const Error&) {}};
  std::vector<std::string> runs;   // the names of each command's pieces
  std::vector<std::string> ended;  // each piece, with `!` when it was refused
  Result<void> outcome;
  std::function<void()> during_run;  // once
  JoinedWork<Piece> work{writer,
                         [this](AccountTx& tx, std::vector<Piece>& pieces) -> Result<void> {
                           if (const auto during = std::exchange(during_run, nullptr)) during();
                           std::string names = tx.account().str() + ":";
                           for (const Piece& piece : pieces) names += piece.name;
                           runs.push_back(names);
                           return outcome;
                         },
                         [this](const AccountId&, std::vector<Piece>& pieces, const Result<void>& result) {
                           for (const Piece& piece : pieces) ended.push_back(piece.name + (result ? "" : "!"));
                         },
                         JoinedWorkLimits{.pieces_max = 3, .size_max = 10}};

  ~House() { writer.stop(); }
  void run() {
    while (writer.step()) {
    }
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("joined work: what comes for an account before its command ran is done by that command, in order") {
  House house;
  house.work.post(acme, {"a"});
  house.work.post(globex, {"x"});
  house.work.post(acme, {"b"});
  house.run();
  CHECK(house.runs == Names{"acme:ab", "globex:x"});
  CHECK(house.ended == Names{"a", "b", "x"});
}

TEST_CASE("joined work: what comes while the command runs is done by the next one") {
  House house;
  house.during_run = [&] { house.work.post(acme, {"b"}); };
  house.work.post(acme, {"a"});
  house.run();
  CHECK(house.runs == Names{"acme:a", "acme:b"});
  CHECK(house.ended == Names{"a", "b"});
}

TEST_CASE("joined work: a command takes no more pieces, and no larger ones, than its limits say") {
  House house;
  for (const char* name : {"a", "b", "c", "d"}) house.work.post(acme, {name});
  house.run();
  CHECK(house.runs == Names{"acme:abc", "acme:d"});
  house.runs.clear();
  house.work.post(acme, {"e", 6});
  house.work.post(acme, {"f", 5});
  house.work.post(acme, {"g", 50});
  house.run();
  CHECK(house.runs == Names{"acme:e", "acme:f", "acme:g"});
}

TEST_CASE("joined work: an error of the command is every piece's") {
  House house;
  house.outcome = fail(Errc::exhausted, "full");
  house.work.post(acme, {"a"});
  house.work.post(acme, {"b"});
  house.run();
  CHECK(house.ended == Names{"a!", "b!"});
}

TEST_CASE("joined work: a refused post ends its pieces at once, and the next one is posted anew") {
  House house;
  for (const char* account : {"one", "two", "three"}) house.work.post(AccountId(account), {"w"});
  house.work.post(acme, {"a"});
  CHECK(house.ended == Names{"a!"});
  house.run();
  house.work.post(acme, {"b"});
  house.run();
  CHECK(house.runs.back() == "acme:b");
}

TEST_CASE("joined work: what many threads post is done once each") {
  struct One {
    std::size_t number;
    std::size_t size() const { return 1; }
  };
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 500;
  MemoryStore store;
  AccountWriter writer(store, WriterOptions{.shards = 2}, [](const Error&) {});
  std::array<std::atomic<int>, threads * each> done{};
  JoinedWork<One> work(
      writer,
      [](AccountTx& tx, std::vector<One>& pieces) -> Result<void> {
        for (const One& piece : pieces) tx.put(Table::meta, std::to_string(piece.number), "");
        return {};
      },
      [&](const AccountId&, std::vector<One>& pieces, const Result<void>& result) {
        for (const One& piece : pieces) done[piece.number] += result ? 1 : 100;
      });
  std::vector<std::thread> posting;
  for (std::size_t t = 0; t < threads; ++t) {
    posting.emplace_back([&work, t] {
      for (std::size_t i = 0; i < each; ++i) work.post(i % 3 == 0 ? globex : acme, {t * each + i});
    });
  }
  for (std::thread& thread : posting) thread.join();
  writer.stop();
  CHECK(std::count(done.begin(), done.end(), 1) == threads * each);
}

}  // namespace joined_work_test

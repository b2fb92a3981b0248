// A process that is killed in the middle of its commits: what it acknowledged is there, each batch whole, none twice.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "core/manual.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/contract/store_contract.h"
#include "tests/storage/temporary_directory.h"

namespace tally::storage::rocksdb_kill_test {

namespace {

constexpr const char* directory_variable = "TALLY_KILL_TEST_DIRECTORY";
const AccountId left("left");
const AccountId right("right");

// The child is this program again, running only the test case below. Its standard output is the pipe of
// acknowledgements.
pid_t start_child(const std::string& directory, int pipe_in) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(pipe_in, STDOUT_FILENO);
  ::setenv(directory_variable, directory.c_str(), 1);
  ::execl("/proc/self/exe", "test_storage", "--no-skip",
          "--test-case=rocksdb store: (child) commits until it is killed", static_cast<char*>(nullptr));
  ::_exit(127);
}

// Returns the last number that the child acknowledged.
int run_until_killed(const std::string& directory, int acknowledgements) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = start_child(directory, ends[1]);
  REQUIRE(child > 0);
  ::close(ends[1]);
  int last = -1;
  const auto read_one = [&] {
    int number = 0;
    if (::read(ends[0], &number, sizeof number) != sizeof number) return false;
    last = number;
    return true;
  };
  for (int i = 0; i < acknowledgements; ++i) REQUIRE(read_one());
  ::kill(child, SIGKILL);
  while (read_one()) {
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return last;
}

}  // namespace

TEST_CASE("rocksdb store: (child) commits until it is killed" * doctest::skip()) {
  const char* directory = ::getenv(directory_variable);
  if (directory == nullptr) return;
  const ManualClock clock;
  RocksOptions options;
  options.wal_bytes_max = 256 << 10;  // small, so that kills also meet the change to a new log
  const auto store = RocksStore::open(directory, clock, options);
  REQUIRE(store.has_value());
  for (int i = static_cast<int>(journal_of(**store).size()) / 2;; ++i) {
    Batch first(left);
    first.put(Table::job, std::to_string(i), std::string(2'000, 'l'));
    first.append(std::to_string(i));
    Batch second(right);
    second.put(Table::job_result, std::to_string(i), std::string(2'000, 'r'));
    second.append(std::to_string(i));
    const Batch group[] = {first, second};
    REQUIRE((*store)->commit(group, i % 3 == 0 ? Durability::synced : Durability::relaxed).has_value());
    if (::write(STDOUT_FILENO, &i, sizeof i) != sizeof i) ::_exit(1);
  }
}

TEST_CASE("rocksdb store: what was acknowledged survives SIGKILL, whole and once") {
  const TemporaryDirectory directory;
  const ManualClock clock;
  SeededRandom random(7);
  std::size_t before = 0;
  for (int round = 0; round < 10; ++round) {
    const int last = run_until_killed(directory.path(), static_cast<int>(1 + random.below(200)));
    const auto store = RocksStore::open(directory.path(), clock);
    REQUIRE(store.has_value());
    const std::size_t groups = rows_of(**store, Table::job, left).size();
    CHECK(groups >= static_cast<std::size_t>(last) + 1);
    CHECK(groups > before);
    CHECK(rows_of(**store, Table::job_result, right).size() == groups);
    const auto journal = journal_of(**store);
    REQUIRE(journal.size() == 2 * groups);
    for (std::size_t i = 0; i < journal.size(); ++i) {
      REQUIRE(journal[i] == JournalEntry{i + 1, i % 2 == 0 ? "left" : "right", std::to_string(i / 2)});
    }
    before = groups;
  }
}

}  // namespace tally::storage::rocksdb_kill_test

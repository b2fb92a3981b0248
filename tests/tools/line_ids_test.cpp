#include "tools/tally/line_ids.h"

#include <doctest/doctest.h>

#include <set>

namespace line_ids_test {

using namespace tally::tools;

TEST_CASE("line ids: a second run over the same lines gives the same ids") {
  const std::vector<std::string> lines = {"a", "b", "a", "", "a"};
  LineIds first;
  LineIds second;
  for (const std::string& line : lines) CHECK(first.next(line) == second.next(line));
}

TEST_CASE("line ids: equal lines are told apart by how often they came") {
  LineIds ids;
  const std::string once = ids.next("x");
  CHECK(once.size() == 32);
  CHECK(ids.next("y") != once);
  CHECK(ids.next("x") == once + "-2");
  CHECK(ids.next("x") == once + "-3");
}

TEST_CASE("line ids: lines appended to a log leave the earlier ids alone, however it grows") {
  LineIds short_log;
  LineIds long_log;
  for (int i = 0; i < 20'000; ++i)
    CHECK(short_log.next(std::to_string(i % 15'000)) == long_log.next(std::to_string(i % 15'000)));
  CHECK(long_log.next("new").find('-') == std::string::npos);
}

TEST_CASE("line ids: all ids of a long log with repeats are different") {
  LineIds ids;
  std::set<std::string> seen;
  for (int i = 0; i < 50'000; ++i) seen.insert(ids.next(std::to_string(i % 30'000)));
  CHECK(seen.size() == 50'000);
}

TEST_CASE("line ids: the id of a line is fixed for all time, or a re-run would count twice after an update") {
  LineIds ids;
  CHECK(ids.next("abc") == "cf4ab791c62b8d2b2109c90275287816");
}

}  // namespace line_ids_test

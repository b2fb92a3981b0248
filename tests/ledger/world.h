// One account's ledger and its naive double under the same random commands, from one seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tally::naive {

struct Run {
  std::uint64_t seed = 1;
  int steps = 500;
  bool trace = false;  // every command on stderr
};

// What a run came to, so that a test can tell that the dice reach everything.
struct Coverage {
  std::uint64_t commands = 0;
  std::uint64_t refused = 0;
  std::uint64_t entries = 0;
  std::uint64_t expiries = 0;
  std::uint64_t allocations = 0;
  std::uint64_t rollovers = 0;
  std::uint64_t reversals = 0;
  std::uint64_t settled = 0;
  std::uint64_t expired_holds = 0;
  std::uint64_t kept_by_holds = 0;  // commands after which expired credits were still reserved
  std::uint64_t reloads = 0;
  std::uint64_t out_of_range = 0;
  std::uint64_t in_debt = 0;
  std::uint64_t restarts = 0;
};

struct Outcome {
  int step = 0;
  std::optional<std::string> broken;  // empty: the two agreed to the end
};

Outcome run(const Run& run, Coverage& coverage);

}  // namespace tally::naive

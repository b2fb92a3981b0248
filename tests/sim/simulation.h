// The simulation: the real server, its clients, its receivers, its disk and its accidents, from one seed, on one
// thread.
//
// After each step every rule of the models is checked. A run is repeated exactly by its options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/canary.h"

namespace tally::sim {

struct SimulationOptions {
  std::uint64_t seed = 1;
  int steps = 300;
  Canary canary = Canary::none;
  bool trace = false;  // every step to stderr
};

// What the run went through, so that a test can tell whether it was worth anything.
struct Coverage {
  std::uint64_t events = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t refused_batches = 0;
  std::uint64_t unknown_batches = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t refused_jobs = 0;
  std::uint64_t lost_leases = 0;
  std::uint64_t retries = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead = 0;
  std::uint64_t posts = 0;
  std::uint64_t replays = 0;
  std::uint64_t kills = 0;
  std::uint64_t power_losses = 0;
  std::uint64_t doubts = 0;
  std::uint64_t clean_stops = 0;
  std::uint64_t dropped_jobs = 0;
  std::uint64_t entries = 0;  // of ledgers
  std::uint64_t holds = 0;
  std::uint64_t ended_holds = 0;
  std::uint64_t due_times = 0;  // of schedules

  Coverage& operator+=(const Coverage& other);
};

struct SimulationResult {
  std::optional<std::string> broken;  // the first rule that did not hold
  int step = 0;                       // where
  Coverage coverage;
};

SimulationResult simulate(const SimulationOptions& options);

// The seed and the step of the run under way, for a handler that tells of a crash.
struct UnderWay {
  std::uint64_t seed = 0;
  int step = 0;
};
const UnderWay& under_way() noexcept;

}  // namespace tally::sim

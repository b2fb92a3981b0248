// What kind of run a seed makes: how often things fail, how tight the bounds are. Runs that differ much find more than
// many runs of a kind.
#pragma once

#include "core/clock.h"
#include "tests/sim/faulty_store.h"
#include "tests/sim/server.h"

namespace tally::sim {

struct Profile {
  ServerOptions server;
  CommitFaults commit_faults;
  // Of 1,000 steps, so many.
  std::uint32_t kills = 0;
  std::uint32_t power_losses = 0;
  std::uint32_t clean_stops = 0;
  std::uint32_t disk_changes = 0;  // full, or room again
  std::uint32_t long_waits = 0;    // of minutes to hours
  // Of 100.
  std::uint32_t callbacks = 60;
  std::uint32_t work_faults = 10;
  std::uint32_t slow_work = 10;
  std::uint32_t repeats = 40;  // events that were sent before
};

Profile make_profile(Random& dice, Canary canary);

}  // namespace tally::sim

#include "tests/sim/simulation.h"

#include "tests/sim/world.h"

namespace tally::sim {

namespace {

UnderWay current;

}  // namespace

const UnderWay& under_way() noexcept {
  return current;
}

Coverage& Coverage::operator+=(const Coverage& other) {
  events += other.events;
  duplicates += other.duplicates;
  refused_batches += other.refused_batches;
  unknown_batches += other.unknown_batches;
  completed += other.completed;
  failed += other.failed;
  cancelled += other.cancelled;
  refused_jobs += other.refused_jobs;
  lost_leases += other.lost_leases;
  retries += other.retries;
  delivered += other.delivered;
  dead += other.dead;
  posts += other.posts;
  replays += other.replays;
  kills += other.kills;
  power_losses += other.power_losses;
  doubts += other.doubts;
  clean_stops += other.clean_stops;
  dropped_jobs += other.dropped_jobs;
  entries += other.entries;
  holds += other.holds;
  ended_holds += other.ended_holds;
  due_times += other.due_times;
  return *this;
}

SimulationResult simulate(const SimulationOptions& options) {
  SimulationResult result;
  current = {options.seed, 0};
  World world(options);
  world.begin();
  for (; result.step < options.steps && !world.verdict().what(); ++result.step) {
    current.step = result.step;
    world.step();
  }
  if (!world.verdict().what()) {
    current.step = result.step;
    world.settle();
  }
  result.broken = world.verdict().what();
  if (!result.broken) result.coverage = world.coverage();
  return result;
}

}  // namespace tally::sim

#include "tests/sim/simulation.h"

#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

using namespace tally::sim;

namespace {

// From the command line or the environment:
//   test_sim --seed N   or TALLY_SIM_SEED=N    one run, every step on stderr
//   test_sim --seeds N  or TALLY_SIM_SEEDS=N   so many runs
//   test_sim --first N  or TALLY_SIM_FIRST=N   beginning with this seed
//   test_sim --steps N  or TALLY_SIM_STEPS=N
struct Settings {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 300;
  std::uint64_t first = 1;
  int steps = 300;
} settings;

std::uint64_t setting(int argc, char** argv, const std::string& name, std::uint64_t otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == "--" + name) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  std::string variable = "TALLY_SIM_" + name;
  for (char& c : variable) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  const char* value = std::getenv(variable.c_str());
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// An assertion of the server, or a loop without an end, must name its seed too.
extern "C" void tell_seed(int signal) {
  char text[200];
  const int size = std::snprintf(text, sizeof text, "\nsignal %d in seed %llu, step %d: replay with --seed %llu\n",
                                 signal, static_cast<unsigned long long>(under_way().seed), under_way().step,
                                 static_cast<unsigned long long>(under_way().seed));
  if (write(2, text, static_cast<std::size_t>(size)) < 0) _exit(3);
  _exit(2);
}

// Of processor time, so that a busy machine is no reason.
void limit_seconds(int seconds) {
  const itimerval timer{{0, 0}, {seconds, 0}};
  (void)setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

constexpr int seconds_per_run_max = 1200;

SimulationResult run(std::uint64_t seed, Canary canary, bool trace = false) {
  limit_seconds(seconds_per_run_max);
  SimulationResult result = simulate({seed, settings.steps, canary, trace});
  limit_seconds(0);
  return result;
}

// So many of the first seeds together reach everything. What the runs above reached is kept: a seed says the same each
// time.
constexpr std::uint64_t seeds_that_reach_all = 40;
std::map<std::uint64_t, Coverage> reached_by_seed;

void show(const Coverage& c) {
  std::printf(
      "events %llu, duplicates %llu, batches refused %llu, unknown %llu; jobs completed %llu, failed %llu, cancelled "
      "%llu, refused %llu, dropped %llu, leases lost %llu, attempts failed %llu; posts %llu, delivered %llu, dead "
      "%llu, "
      "replays %llu; ledger entries %llu, holds %llu, ended %llu; due times %llu; kills %llu, power losses %llu, "
      "doubts %llu, clean "
      "stops %llu\n",
      static_cast<unsigned long long>(c.events), static_cast<unsigned long long>(c.duplicates),
      static_cast<unsigned long long>(c.refused_batches), static_cast<unsigned long long>(c.unknown_batches),
      static_cast<unsigned long long>(c.completed), static_cast<unsigned long long>(c.failed),
      static_cast<unsigned long long>(c.cancelled), static_cast<unsigned long long>(c.refused_jobs),
      static_cast<unsigned long long>(c.dropped_jobs), static_cast<unsigned long long>(c.lost_leases),
      static_cast<unsigned long long>(c.retries), static_cast<unsigned long long>(c.posts),
      static_cast<unsigned long long>(c.delivered), static_cast<unsigned long long>(c.dead),
      static_cast<unsigned long long>(c.replays), static_cast<unsigned long long>(c.entries),
      static_cast<unsigned long long>(c.holds), static_cast<unsigned long long>(c.ended_holds),
      static_cast<unsigned long long>(c.due_times), static_cast<unsigned long long>(c.kills),
      static_cast<unsigned long long>(c.power_losses), static_cast<unsigned long long>(c.doubts),
      static_cast<unsigned long long>(c.clean_stops));
}

}  // namespace

TEST_CASE("simulation: whatever fails, every rule holds after every step and everything comes to its end") {
  if (settings.seed != 0) {
    const SimulationResult result = run(settings.seed, Canary::none, true);
    INFO("seed " << settings.seed << ", step " << result.step << ": " << result.broken.value_or(""));
    CHECK_FALSE(result.broken);
    return;
  }
  Coverage all;
  for (std::uint64_t seed = settings.first; seed < settings.first + settings.seeds; ++seed) {
    const SimulationResult result = run(seed, Canary::none);
    INFO("seed " << seed << ", step " << result.step << ": " << result.broken.value_or(""));
    CHECK_FALSE(result.broken);
    all += result.coverage;
    if (seed <= seeds_that_reach_all) reached_by_seed[seed] = result.coverage;
  }
  show(all);
}

TEST_CASE("simulation: the runs go through what they are there for") {
  Coverage all;
  for (std::uint64_t seed = 1; seed <= seeds_that_reach_all; ++seed) {
    const auto known = reached_by_seed.find(seed);
    all += known != reached_by_seed.end() ? known->second : run(seed, Canary::none).coverage;
  }
  CHECK(all.events > 1000);
  CHECK(all.duplicates > 100);
  CHECK(all.refused_batches > 0);
  CHECK(all.unknown_batches > 0);
  CHECK(all.completed > 100);
  CHECK(all.failed > 10);
  CHECK(all.cancelled > 10);
  CHECK(all.refused_jobs > 0);
  CHECK(all.dropped_jobs > 0);
  CHECK(all.entries > 1'000);
  CHECK(all.holds > 100);
  CHECK(all.ended_holds > 100);
  CHECK(all.due_times > 100);
  CHECK(all.lost_leases > 0);
  CHECK(all.retries > 10);
  CHECK(all.delivered > 10);
  CHECK(all.dead > 10);
  CHECK(all.replays > 0);
  CHECK(all.kills > 10);
  CHECK(all.power_losses > 10);
  CHECK(all.doubts > 10);
  CHECK(all.clean_stops > 0);
}

TEST_CASE("simulation: a run is repeated exactly by its seed") {
  const auto first = run(7, Canary::drops_dedup_rows);
  const auto second = run(7, Canary::drops_dedup_rows);
  CHECK(first.broken == second.broken);
  CHECK(first.step == second.step);
}

TEST_CASE("simulation: each planted bug is found") {
  constexpr std::uint64_t seeds_max = 100;
  for (const Canary canary : all_canaries) {
    std::uint64_t seed = 1;
    SimulationResult result;
    while (seed <= seeds_max && !result.broken) result = run(seed++, canary);
    INFO("canary " << to_string(canary));
    CHECK(result.broken.has_value());
    if (result.broken) {
      std::printf("canary %s: seed %llu, step %d: %s\n", std::string(to_string(canary)).c_str(),
                  static_cast<unsigned long long>(seed - 1), result.step, result.broken->c_str());
    }
  }
}

int main(int argc, char** argv) {
  settings.seed = setting(argc, argv, "seed", settings.seed);
  settings.seeds = setting(argc, argv, "seeds", settings.seeds);
  settings.first = setting(argc, argv, "first", settings.first);
  settings.steps = static_cast<int>(setting(argc, argv, "steps", static_cast<std::uint64_t>(settings.steps)));
  for (const int signal : {SIGABRT, SIGSEGV, SIGVTALRM}) std::signal(signal, tell_seed);
  doctest::Context context(argc, argv);
  return context.run();
}

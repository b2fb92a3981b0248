#include "tests/ledger/world.h"

#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

using namespace tally::naive;

namespace {

// From the command line or the environment:
//   test_ledger --seed N   or TALLY_LEDGER_SEED=N    one run, every command on stderr
//   test_ledger --seeds N  or TALLY_LEDGER_SEEDS=N   so many runs
//   test_ledger --first N  or TALLY_LEDGER_FIRST=N   beginning with this seed
//   test_ledger --steps N  or TALLY_LEDGER_STEPS=N
struct Settings {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 2'000;
  std::uint64_t first = 1;
  int steps = 500;
} settings;

volatile std::uint64_t seed_under_way = 0;

std::uint64_t setting(int argc, char** argv, const std::string& name, std::uint64_t otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == "--" + name) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  std::string variable = "TALLY_LEDGER_" + name;
  for (char& c : variable) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  const char* value = std::getenv(variable.c_str());
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// An assertion must name its seed too.
extern "C" void tell_seed(int signal) {
  char text[120];
  const auto seed = static_cast<unsigned long long>(seed_under_way);
  const int size =
      std::snprintf(text, sizeof text, "\nsignal %d in seed %llu: replay with --seed %llu\n", signal, seed, seed);
  if (write(2, text, static_cast<std::size_t>(size)) < 0) _exit(3);
  _exit(2);
}

Outcome prove(std::uint64_t seed, Coverage& coverage, bool trace) {
  seed_under_way = seed;
  try {
    return run({seed, settings.steps, trace}, coverage);
  } catch (const std::exception& bug) {
    return {0, std::string("threw ") + bug.what()};
  }
}

}  // namespace

TEST_CASE("ledger: a second, naive ledger agrees with it after every command") {
  Coverage coverage;
  if (settings.seed != 0) {
    const Outcome outcome = prove(settings.seed, coverage, true);
    INFO("seed ", settings.seed, ", step ", outcome.step);
    CHECK_MESSAGE(!outcome.broken, outcome.broken.value_or(""));
    return;
  }
  for (std::uint64_t seed = settings.first; seed < settings.first + settings.seeds; ++seed) {
    const Outcome outcome = prove(seed, coverage, false);
    INFO("seed ", seed, ", step ", outcome.step, "; replay with --seed ", seed);
    REQUIRE_MESSAGE(!outcome.broken, outcome.broken.value_or(""));
  }
  const auto number = [](std::uint64_t v) { return static_cast<unsigned long long>(v); };
  std::printf(
      "commands %llu, refused %llu, out of range %llu, in debt %llu; entries %llu, expiries %llu, allocations %llu, "
      "rollovers %llu, reversals %llu; holds settled %llu, expired %llu, beyond a lot's expiry %llu; reloads %llu; "
      "restarts %llu\n",
      number(coverage.commands), number(coverage.refused), number(coverage.out_of_range), number(coverage.in_debt),
      number(coverage.entries), number(coverage.expiries), number(coverage.allocations), number(coverage.rollovers),
      number(coverage.reversals), number(coverage.settled), number(coverage.expired_holds),
      number(coverage.kept_by_holds), number(coverage.reloads), number(coverage.restarts));
  if (settings.seeds < 50) return;
  // Dice that no longer reach something prove nothing about it.
  for (const std::uint64_t reached :
       {coverage.refused, coverage.out_of_range, coverage.in_debt, coverage.expiries, coverage.allocations,
        coverage.rollovers, coverage.reversals, coverage.settled, coverage.expired_holds, coverage.kept_by_holds,
        coverage.reloads, coverage.restarts}) {
    CHECK(reached >= settings.seeds / 10);
  }
}

int main(int argc, char** argv) {
  settings.seed = setting(argc, argv, "seed", settings.seed);
  settings.seeds = setting(argc, argv, "seeds", settings.seeds);
  settings.first = setting(argc, argv, "first", settings.first);
  settings.steps = static_cast<int>(setting(argc, argv, "steps", static_cast<std::uint64_t>(settings.steps)));
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE}) std::signal(signal, tell_seed);
  doctest::Context context(argc, argv);
  return context.run();
}

#include "tests/sim/profile.h"

namespace tally::sim {

Profile make_profile(Random& dice, Canary canary) {
  const auto one_in = [&](std::uint64_t n) { return dice.below(n) == 0; };
  const auto up_to = [&](std::uint64_t n) { return static_cast<std::uint32_t>(dice.below(n + 1)); };
  Profile profile;
  ServerOptions& server = profile.server;
  server.canary = canary;
  server.writer.shards = 1 + up_to(2);
  if (one_in(4)) server.writer.waiting_max = 6;
  server.meter = {.unwritten_max = one_in(2) ? 20u : 1000u,
                  .unwritten_per_account_max = one_in(2) ? 5u : 1000u,
                  .write_after_ms = 2000};
  server.jobs = {.lease_ms = 30'000, .attempts_max = 3, .retry = {{1, 5, 30}}};
  server.queue = {.unfinished_per_account_max = one_in(2) ? 4u : 100u, .unfinished_max = one_in(3) ? 8u : 1000u};
  server.runner.in_flight_max = 1 + up_to(4);
  server.runner.lease_ms = server.jobs.lease_ms;
  server.runner.attempts_max = server.jobs.attempts_max;
  server.webhooks.retry = {{5, 300, 1800}};
  server.webhooks.allow_http = true;
  server.webhooks.concurrent_per_host = 1 + up_to(2);
  server.webhooks.concurrent_total = 2 + up_to(4);
  if (one_in(2)) server.lanes = {.entries_max = 6, .entries_per_lane_max = 3};

  if (one_in(2)) profile.commit_faults = {.fail_before = up_to(15), .fail_after = up_to(15)};
  if (one_in(2)) profile.kills = up_to(40);
  if (one_in(2)) profile.power_losses = up_to(40);
  if (one_in(4)) profile.clean_stops = up_to(20);
  if (one_in(2)) profile.disk_changes = up_to(60);
  if (one_in(2)) profile.long_waits = up_to(60);
  if (one_in(4)) profile.work_faults = 60;
  profile.slow_work = one_in(3) ? 50 : 5;
  server.ledgers.cached_accounts_max = one_in(2) ? 16 : 65'536;
  server.ledgers.tail = {.unwritten_max = one_in(2) ? 20u : 1000u,
                         .unwritten_per_account_max = one_in(2) ? 5u : 1000u,
                         .write_after_ms = 2000};
  return profile;
}

}  // namespace tally::sim

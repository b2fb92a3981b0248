// The time from starting the program until /readyz answers 200, over a store of a given size.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/local_store.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr double aimed_seconds = 5;
constexpr std::uint64_t restart_events_per_batch = 1'000;

double start_seconds(const Options& options, const std::string& data, std::unique_ptr<Tallyd>& server) {
  drop_from_page_cache(data);
  const Stopwatch watch;
  server = std::make_unique<Tallyd>(options, data);
  server->call("GET", "/readyz", "", 200);
  return watch.seconds();
}

// Events that are acknowledged and not yet written behind when the server dies.
std::uint64_t ingest(const Options& options, const Tallyd& server, std::int32_t first_day, std::uint64_t first_number) {
  const std::uint64_t events = std::max<std::uint64_t>(options.ingest_events / 5, restart_events_per_batch);
  Workload workload(first_day, events, first_number);
  std::uint64_t made = 0;
  while (made < events) {
    std::string body = "[";
    for (std::uint64_t i = 0; i < restart_events_per_batch; ++i, ++made) {
      if (i > 0) body += ",";
      append_event_json(body, workload.next());
    }
    const std::string answer = server.call("POST", "/operator/v1/events", body + "]", 200);
    if (integer_member(answer, "accepted") != static_cast<std::int64_t>(restart_events_per_batch)) {
      give_up("a batch brought " + answer);
    }
  }
  return made;
}

}  // namespace

void bench_restart(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const std::string data = scratch / "data";
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  std::uint64_t events = LocalStore(data).fill(first_day, static_cast<std::uint64_t>(options.store_gb * 1e9));
  std::unique_ptr<Tallyd> server;
  std::vector<double> after_stop, after_kill;
  std::vector<Customer> customers;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    after_stop.push_back(start_seconds(options, data, server));
    if (customers.empty()) customers = create_customers(*server, workload_accounts);
    events += ingest(options, *server, first_day, events);
    server->kill_dead();
    after_kill.push_back(start_seconds(options, data, server));
    server->stop();
  }
  start_seconds(options, data, server);
  const std::uint64_t reported = reported_requests(*server, customers, first_day);
  server->stop();
  const Aim aim{Aim::Sense::at_most, aimed_seconds, false};
  const std::string store = "store of " + std::to_string(options.store_gb) + " GB, page cache dropped";
  figures.add({"restart.after_stop", after_stop, "s", "", {}, aim, "after SIGTERM; " + store});
  figures.add({"restart.after_kill", after_kill, "s", "", {}, aim, "after kill -9 right behind a load; " + store});
  if (reported != events) {
    give_up(std::to_string(events) + " events were accepted, the reports count " + std::to_string(reported));
  }
  figures.checked("all " + std::to_string(events) + " events are in the reports, those before each kill -9 too");
}

}  // namespace tally::tools::bench

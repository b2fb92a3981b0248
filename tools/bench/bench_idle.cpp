// The memory and processor time of a server that nobody asks anything.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr double aimed_mb = 40;
constexpr std::uint32_t customers_count = 100;
constexpr std::uint64_t events_per_batch = 1'000;

void some_load(const Options& options, const Tallyd& server) {
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  create_accounts(server, workload_accounts - 1);
  Workload workload(first_day, options.ingest_events, 0);
  std::uint64_t made = 0;
  std::string request;
  run_closed_loop(
      server.port(), 1,
      [&]() -> std::string_view {
        if (made >= options.ingest_events) return {};
        std::string body = "[";
        for (std::uint64_t i = 0; i < events_per_batch; ++i, ++made) {
          if (i > 0) body += ",";
          EventFacts facts = workload.next();
          facts.account %= workload_accounts - 1;
          append_event_json(body, facts);
        }
        request = render_request("POST", "/operator/v1/events", server.authorization(), body + "]");
        return request;
      },
      [](int status, std::string_view body) {
        if (status != 200 || integer_member(body, "accepted") != static_cast<std::int64_t>(events_per_batch)) {
          give_up("a batch brought " + std::string(body));
        }
      });
}

}  // namespace

void bench_idle(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  std::vector<double> rss, pss, rss_after, pss_after, cpu;
  const double quiet_seconds = options.pause_seconds * 2 + 1;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    const Tallyd server(options, scratch / ("data-" + std::to_string(round)));
    pause_seconds(options.pause_seconds);
    const Memory memory = memory_of(server.pid());
    rss.push_back(static_cast<double>(memory.rss_kb) / 1024);
    pss.push_back(static_cast<double>(memory.pss_kb) / 1024);
    some_load(options, server);
    pause_seconds(options.pause_seconds * 2);
    const Memory after = memory_of(server.pid());
    rss_after.push_back(static_cast<double>(after.rss_kb) / 1024);
    pss_after.push_back(static_cast<double>(after.pss_kb) / 1024);
    const double used = cpu_seconds_of(server.pid());
    pause_seconds(quiet_seconds);
    cpu.push_back((cpu_seconds_of(server.pid()) - used) / quiet_seconds * 100);
  }
  const std::string loaded = "after 2,000 accounts, " + std::to_string(options.ingest_events) +
                             " events and quiet; the block cache keeps what it read";
  figures.add({"idle.rss", rss, "MB", "", {}, Aim{Aim::Sense::at_most, aimed_mb, false}, "just started, empty store"});
  figures.add({"idle.pss", pss, "MB", "", {}, {}, "the same, shared libraries counted by share"});
  figures.add({"idle.rss_after_load", rss_after, "MB", "", {}, {}, loaded});
  figures.add({"idle.pss_after_load", pss_after, "MB", "", {}, {}, loaded});
  figures.add({"idle.cpu", cpu, "% of a core", "", {}, {}, "quiet, after the load"});
}

}  // namespace tally::tools::bench

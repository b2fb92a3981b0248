// tally_bench: how fast tallyd is on this machine, beside what the machine and others can do.
#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "tools/bench/benches.h"
#include "tools/bench/child_server.h"
#include "tools/bench/receivers.h"
#include "tools/bench/workload.h"

namespace {

using namespace tally::tools::bench;

struct Bench {
  const char* name;
  const char* help;
  void (*run)(const Options&, Figures&);
};

constexpr Bench benches[] = {
    {"poll", "Polls of finished jobs, beside an empty handler on the same server code and nginx", bench_poll},
    {"submit", "Durable submits, beside RocksDB's synced group commit", bench_submit},
    {"ingest", "Usage events, beside RocksDB with one Merge per event", bench_ingest},
    {"report", "Reports done, and one report's time as the events behind it grow", bench_report},
    {"statement", "The close of a month over all accounts", bench_statement},
    {"ledger", "Debits and holds in process and over HTTP, beside PostgreSQL", bench_ledger},
    {"authorize", "A gateway's question before each call, decided in one durable commit", bench_authorize},
    {"webhook", "Deliveries, beside a bare libcurl multi loop, and beside receivers that hang", bench_webhook},
    {"webhook.hanging", "The second part of webhook alone", bench_hanging},
    {"waiters", "Memory of connections that wait for a report, by long poll and by events", bench_waiters},
    {"idle", "Memory of a server that nobody asks anything", bench_idle},
    {"restart", "Time until ready over a large store, after SIGTERM and after kill -9", bench_restart},
    {"latency", "From submit until a poller sees the report, at a fixed rate", bench_latency},
};

void add_options(CLI::App& app, Options& options, bool& quick) {
  app.add_option("--dir", options.dir, "Where scratch directories are made: the disk that is measured");
  app.add_option("--tallyd", options.tallyd, "The server's program")->type_name("PATH");
  app.add_flag("--json", options.json, "One JSON object a line");
  app.add_flag("--quick", quick, "Everything tiny, for a smoke test; the figures mean nothing");
  app.add_option("--rounds", options.rounds, "Turns of each side; the medians count")->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "Length of a turn of poll and submit")->check(CLI::PositiveNumber);
  app.add_option("--pause", options.pause_seconds, "Seconds between turns")->check(CLI::NonNegativeNumber);
  app.add_option("--connections", options.connections, "Of the load generator")->check(CLI::PositiveNumber);
  app.add_option("--events", options.ingest_events, "ingest: events of a turn")->check(CLI::Range(3'000, 100'000'000));
  app.add_option("--ingest-connections", options.ingest_connections, "ingest: connections")->check(CLI::PositiveNumber);
  app.add_option("--jobs", options.report_jobs, "report: jobs of a turn")->check(CLI::PositiveNumber);
  app.add_option("--small", options.events_small, "report: events in the small store")->check(CLI::PositiveNumber);
  app.add_option("--large", options.events_large, "report: events in the large store")->check(CLI::PositiveNumber);
  app.add_option("--accounts", options.statement_accounts, "statement: accounts")->check(CLI::Range(1, 10'000'000));
  app.add_option("--endpoints", options.statement_endpoints, "statement: endpoints that each account called")
      ->check(CLI::Range(1U, workload_endpoints));
  app.add_option("--statement-events", options.statement_events,
                 "statement: events beside PostgreSQL and DuckDB; 0: none")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--deliveries", options.deliveries, "webhook: of a turn")->check(CLI::Range(10, 10'000'000));
  app.add_option("--receivers", options.receivers, "webhook.hanging: receivers")->check(CLI::Range(10, 10'000));
  app.add_option("--pace", options.paced_per_second, "webhook.hanging: deliveries due a second")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--waiters", options.waiters, "waiters: connections")->check(CLI::Range(1, 60'000));
  app.add_option("--gb", options.store_gb, "restart: size of the store")->check(CLI::PositiveNumber);
  app.add_option("--rate", options.submits_per_second, "latency: submits a second")->check(CLI::Range(1, 100'000));
}

int run(const std::vector<const Bench*>& chosen, const Options& options) {
  Figures figures(options.json);
  figures.machine(options);
  for (const Bench* bench : chosen) {
    try {
      bench->run(options, figures);
    } catch (const std::exception& error) {
      std::cerr << "tally_bench " << bench->name << ": " << error.what() << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  options.dir = std::filesystem::temp_directory_path();
  options.tallyd = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tallyd";
  bool quick = false;
  CLI::App app("Measures tallyd over real HTTP, each figure beside its limit in the same run.", "tally_bench");
  app.footer(
      "Exit codes: 0 measured (whether or not an aim was met), 1 something answered wrongly or did not add up,\n"
      "2 the command line is wrong. tools/bench/README.md says what each limit is.");
  add_options(app, options, quick);
  app.require_subcommand(1, 1);
  app.fallthrough();
  std::vector<const Bench*> chosen;
  for (const Bench& bench : benches) {
    app.add_subcommand(bench.name, bench.help)->callback([&chosen, &bench] { chosen.push_back(&bench); });
  }
  app.add_subcommand("all", "All of them")->callback([&chosen] {
    for (const Bench& bench : benches) {
      if (bench.run != bench_hanging) chosen.push_back(&bench);  // webhook runs it
    }
  });
  std::size_t body_bytes = 0;
  CLI::App* fixed_server = app.add_subcommand("fixed-server", "")->group("");
  fixed_server->add_option("--body-bytes", body_bytes);
  std::size_t receivers = 0;
  std::uint16_t receivers_port = 0;
  CLI::App* receivers_server = app.add_subcommand("receivers", "")->group("");
  receivers_server->add_option("--count", receivers);
  receivers_server->add_option("--port", receivers_port);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (fixed_server->parsed()) return run_fixed_server(body_bytes);
  if (receivers_server->parsed()) return run_receivers(receivers, receivers_port);
  if (quick) options.make_quick();
  return run(chosen, options);
}

// The close of a month over all accounts: how many accounts a second, what memory that takes, and what databases need
// for the same from the events.
#include <algorithm>
#include <fstream>
#include <set>

#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/limits_statement.h"
#include "tools/bench/local_store.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr double aimed_statements_per_second = 20'000;
constexpr double aimed_statement_mb = 150;
constexpr double aimed_of_postgres = 20;
constexpr double aimed_of_duckdb = 4;
constexpr double look_seconds = 0.002;
constexpr double memory_look_seconds = 0.1;
constexpr double kb_per_mb = 1024;
constexpr std::int64_t result_micros = 250'000;  // as create_prices says
constexpr std::int64_t micros_per_second = 1'000'000;

double rss_mb(const Tallyd& server) {
  return static_cast<double>(memory_of(server.pid()).rss_kb) / kb_per_mb;
}

std::string statement_order(const TimeRange& range) {
  return R"({"type":"statement","format":"csv","accounts":"*","from":")" + range.from.to_string() + R"(","to":")" +
         range.to.to_string() + "\"}";
}

struct Statements {
  double seconds = 0;
  double cpu_seconds = 0;
  double peak_mb = 0;
  std::string job;
};

// Submits the report and looks at it, and at the server's memory, until it is finished.
Statements close_month(const Tallyd& server, const std::string& order, std::uint64_t accounts) {
  Statements result;
  const double cpu_before = cpu_seconds_of(server.pid());
  const Stopwatch watch;
  const std::string accepted = server.call("POST", "/operator/v1/reports", order, 202);
  const std::string path = "/operator/v1/reports/" + std::string(member(accepted, "request_id"));
  double look_at_memory = 0;
  while (true) {
    pause_seconds(look_seconds);
    if (watch.seconds() >= look_at_memory) {
      result.peak_mb = std::max(result.peak_mb, rss_mb(server));
      look_at_memory = watch.seconds() + memory_look_seconds;
    }
    result.job = server.call("GET", path, "", 200);
    const std::string_view status = member(result.job, "status");
    if (status == "queued" || status == "processing") continue;
    result.seconds = watch.seconds();
    result.cpu_seconds = cpu_seconds_of(server.pid()) - cpu_before;
    if (status != "completed") give_up("the statements ended so: " + result.job);
    if (integer_member(result.job, "accounts") != static_cast<std::int64_t>(accounts))
      give_up("statements are missing: " + result.job);
    return result;
  }
}

void make_prices(const Options& options, const std::string& data) {
  Tallyd server(options, data);
  create_prices(server);
  server.stop();
}

void measure_accounts(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const SystemClock clock;
  const TimeRange month = workload_month(workload_first_day(clock));
  make_prices(options, scratch / "data");
  {
    // Every account calls its endpoints once, in the workload's month.
    LocalStore local(scratch / "data");
    local.create_accounts(options.statement_accounts);
    const std::uint64_t each = options.statement_endpoints;
    local.ingest_each(options.statement_accounts * each, [&](std::uint64_t number) {
      return usage_event({number, static_cast<std::uint32_t>(number / each), static_cast<std::uint32_t>(number % each),
                          month.from + static_cast<std::int64_t>(number % 1000) * minute_ms, 2});
    });
  }

  // To the end of the running month: the usage lies in the first of these months, what was debited for it in the last.
  const std::string order = statement_order({month.from, start_of_month(month_of(clock.now()) + 1)});
  Tallyd server(options, scratch / "data");
  const double before_mb = rss_mb(server);
  std::vector<double> rates, cpu, peaks;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    const Statements done = close_month(server, order, options.statement_accounts);
    rates.push_back(options.statement_accounts / done.seconds);
    cpu.push_back(done.cpu_seconds * micros_per_second / options.statement_accounts);
    peaks.push_back(done.peak_mb);
  }
  const std::string conditions = "POST /operator/v1/reports, type statement as CSV over " +
                                 std::to_string(options.statement_accounts) + " accounts of " +
                                 std::to_string(options.statement_endpoints) +
                                 " endpoints and as many ledger entries each, until it is completed";
  figures.add({"statement.accounts",
               rates,
               "accounts/s",
               "",
               {},
               Aim{Aim::Sense::at_least, aimed_statements_per_second, false},
               conditions});
  figures.add({"statement.cpu", cpu, "us/account", "", {}, {}, "the server's processor time"});
  figures.add({"statement.memory",
               peaks,
               "MB",
               "RSS of the server before",
               {before_mb},
               Aim{Aim::Sense::at_most, aimed_statement_mb, false},
               "the server's largest RSS meanwhile"});
}

// The events of the comparison, and what each side must find in them.
struct ComparedEvents {
  std::uint64_t in_month = 0;
  Credits credits;
  std::uint64_t groups = 0;  // accounts by endpoint
};

ComparedEvents write_events(const std::string& path, std::int32_t first_day, std::uint64_t count,
                            const TimeRange& month) {
  ComparedEvents written;
  std::set<std::pair<std::uint32_t, std::uint32_t>> groups;
  std::ofstream out(path);
  Workload workload(first_day, count, 0);
  for (std::uint64_t i = 0; i < count; ++i) {
    const EventFacts event = workload.next();
    const Credits credits = Credits::from_micros(result_micros * event.results);
    out << account_name(event.account) << ',' << endpoint_name(event.endpoint) << ','
        << endpoint_category(event.endpoint) << ',' << plain_time(event.time) << ',' << event.results << ','
        << credits.to_string() << '\n';
    if (event.time < month.from || event.time >= month.to) continue;
    ++written.in_month;
    written.credits = add_saturating(written.credits, credits);
    groups.emplace(event.account, event.endpoint);
  }
  if (!out.flush()) give_up(path + " cannot be written");
  written.groups = groups.size();
  return written;
}

void check_csv(const std::string& path, const std::string& name, const ComparedEvents& events) {
  std::ifstream in(path);
  std::uint64_t lines = 0;
  std::uint64_t counted = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    std::size_t at = 0;
    for (int commas = 3; commas > 0 && at != std::string::npos; --commas) at = line.find(',', at) + 1;
    counted += std::stoull(line.substr(at));
  }
  if (lines != events.groups || counted != events.in_month) give_up(name + " counted something else");
}

void compare(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  std::vector<std::unique_ptr<StatementPeer>> peers;
  for (auto make : {postgres_statements, duckdb_statements}) {
    if (auto peer = make(scratch)) peers.push_back(std::move(peer));
  }
  if (peers.empty())
    return figures.checked("no PostgreSQL and no DuckDB here, so there is no comparison (tools/setup bench)");
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  const TimeRange month = workload_month(first_day);
  const std::string csv = scratch / "events.csv";
  const ComparedEvents events = write_events(csv, first_day, options.statement_events, month);
  for (const auto& peer : peers) peer->load(csv);
  make_prices(options, scratch / "data");
  {
    LocalStore local(scratch / "data");
    local.create_accounts(workload_accounts, true);
    local.ingest(first_day, options.statement_events);
  }
  Tallyd server(options, scratch / "data");
  const std::string order = statement_order(month);
  const std::string usage = events.credits.to_string();
  std::vector<std::function<double()>> sides{[&] {
    const Statements done = close_month(server, order, workload_accounts);
    if (member(done.job, "usage") != usage) give_up("the statements lost usage: " + done.job);
    return workload_accounts / done.seconds;
  }};
  for (const auto& peer : peers) {
    sides.emplace_back([&] {
      const StatementPeer::Closed closed = peer->close(month);
      check_csv(closed.csv, peer->name(), events);
      return workload_accounts / closed.seconds;
    });
  }
  const auto turns = alternate(options.rounds, options.pause_seconds, sides);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const bool duckdb = peers[i]->name() == "DuckDB";
    figures.add(
        {duckdb ? "statement.duckdb" : "statement.postgres", turns[0], "accounts/s", peers[i]->name(), turns[i + 1],
         Aim{Aim::Sense::at_least, duckdb ? aimed_of_duckdb : aimed_of_postgres, true},
         "one month of " + std::to_string(options.statement_events) + " events of 90 days, " +
             std::to_string(workload_accounts) + " accounts, " + std::to_string(events.groups) +
             " lines into a CSV; ours over HTTP, durable, of unlimited accounts, which have no ledger; theirs " +
             "from the events, default settings, " + (duckdb ? "the second time" : "no index")});
  }
}

}  // namespace

void bench_statement(const Options& options, Figures& figures) {
  measure_accounts(options, figures);
  if (options.statement_events > 0) compare(options, figures);
}

}  // namespace tally::tools::bench

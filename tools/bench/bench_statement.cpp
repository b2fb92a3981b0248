// The close of a month over all accounts: how many accounts a second, and what memory that takes.
#include <algorithm>

#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/local_store.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr double aimed_statements_per_second = 20'000;
constexpr double aimed_statement_mb = 150;
constexpr double look_seconds = 0.01;
constexpr double kb_per_mb = 1024;

// Event `number` of the store: every account calls every endpoint once, in the workload's month.
UsageEvent statement_event(std::uint64_t number, TimeRange month) {
  const auto account = static_cast<std::uint32_t>(number / workload_endpoints);
  const auto endpoint = static_cast<std::uint32_t>(number % workload_endpoints);
  return usage_event({number, account, endpoint, month.from + static_cast<std::int64_t>(number % 1000) * minute_ms, 2});
}

struct Statements {
  double seconds = 0;
  double peak_mb = 0;
};

// Submits the report and looks at it, and at the server's memory, until it is finished.
Statements close_month(const Tallyd& server, const std::string& order, std::uint64_t accounts) {
  Statements result;
  const Stopwatch watch;
  const std::string accepted = server.call("POST", "/operator/v1/reports", order, 202);
  const std::string path = "/operator/v1/reports/" + std::string(member(accepted, "request_id"));
  while (true) {
    pause_seconds(look_seconds);
    result.peak_mb = std::max(result.peak_mb, static_cast<double>(memory_of(server.pid()).rss_kb) / kb_per_mb);
    const std::string job = server.call("GET", path, "", 200);
    const std::string_view status = member(job, "status");
    if (status == "queued" || status == "processing") continue;
    result.seconds = watch.seconds();
    if (status != "completed") give_up("the statements ended so: " + job);
    if (integer_member(job, "accounts") != static_cast<std::int64_t>(accounts))
      give_up("statements are missing: " + job);
    return result;
  }
}

}  // namespace

void bench_statement(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const SystemClock clock;
  const TimeRange month = workload_month(workload_first_day(clock));
  const std::uint64_t events = std::uint64_t{options.statement_accounts} * workload_endpoints;
  {
    Tallyd server(options, scratch / "data");
    create_accounts(server, options.statement_accounts);
    create_prices(server);
    server.stop();
  }
  LocalStore(scratch / "data").ingest_each(events, [&](std::uint64_t number) {
    return statement_event(number, month);
  });

  // To the end of the running month: the usage lies in the first of these months, what was debited for it in the last.
  const UtcTime end = start_of_month(month_of(clock.now()) + 1);
  const std::string order = R"({"type":"statement","format":"csv","accounts":"*","from":")" + month.from.to_string() +
                            R"(","to":")" + end.to_string() + "\"}";
  Tallyd server(options, scratch / "data");
  const double before_mb = static_cast<double>(memory_of(server.pid()).rss_kb) / kb_per_mb;
  std::vector<double> rates, peaks;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    const Statements done = close_month(server, order, options.statement_accounts);
    rates.push_back(options.statement_accounts / done.seconds);
    peaks.push_back(done.peak_mb);
  }
  const std::string conditions = "POST /operator/v1/reports, type statement as CSV over " +
                                 std::to_string(options.statement_accounts) + " accounts of " +
                                 std::to_string(workload_endpoints) +
                                 " endpoints and as many ledger entries each, until " + "it is completed";
  figures.add({"statement.accounts",
               rates,
               "accounts/s",
               "",
               {},
               Aim{Aim::Sense::at_least, aimed_statements_per_second, false},
               conditions});
  figures.add({"statement.memory",
               peaks,
               "MB",
               "RSS of the server before, all accounts in memory",
               {before_mb},
               Aim{Aim::Sense::at_most, aimed_statement_mb, false},
               "the server's largest RSS meanwhile"});
}

}  // namespace tally::tools::bench

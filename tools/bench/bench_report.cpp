// Reports: how many are done a second, and how long one takes as the events behind it grow.
#include <algorithm>

#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/local_store.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint32_t done_customers = 16;
constexpr std::uint32_t rows_endpoints = 20;
constexpr std::int32_t rows_days = 32;
constexpr std::size_t rows_of_report = rows_endpoints * rows_days;
constexpr double aimed_reports_per_second = 3'000;
constexpr double aimed_p50_ms = 1;
constexpr double report_aimed_p99_ms = 3;
constexpr double aimed_growth = 1.2;

ReportRequest by_endpoint(TimeRange range, Granularity granularity) {
  ReportRequest order;
  order.range = range;
  order.granularity = granularity;
  order.group_by = {GroupBy::endpoint};
  return order;
}

// One of the 59 stretches of 32 days, so that no two jobs near each other ask for the same.
ReportRequest rows_order(std::int32_t first_day, std::uint64_t job) {
  const std::int32_t day = first_day + static_cast<std::int32_t>(job % (workload_days - rows_days + 1));
  return by_endpoint({start_of_day(day), start_of_day(day + rows_days)}, Granularity::day);
}

// An event of each account for each endpoint on each day: every report of 32 days shows 640 rows.
void send_one_event_per_row(const Tallyd& server, std::int32_t first_day) {
  std::uint64_t number = 0;
  for (std::uint32_t account = 0; account < done_customers; ++account) {
    std::string events = "[";
    for (std::int32_t day = 0; day < workload_days; ++day) {
      for (std::uint32_t endpoint = 0; endpoint < rows_endpoints; ++endpoint) {
        if (events.size() > 1) events += ",";
        append_event_json(events, {number++, account, endpoint, start_of_day(first_day + day), 2});
      }
    }
    server.call("POST", "/operator/v1/events", events + "]", 200);
  }
}

double jobs_done_per_second(const Options& options, const Tallyd& server, const std::vector<Customer>& customers,
                            const std::vector<std::string>& requests) {
  std::uint64_t sent = 0;
  const Stopwatch watch;
  run_closed_loop(
      server.port(), options.connections,
      [&]() -> std::string_view {
        if (sent == options.report_jobs) return {};
        return requests[sent++ % requests.size()];
      },
      [&](int status, std::string_view body) {
        if (status != 202) give_up("a submit brought " + std::string(body));
      });
  finish_jobs(server, customers);
  return static_cast<double>(options.report_jobs) / watch.seconds();
}

void measure_done(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  std::vector<std::vector<double>> turns;
  {
    Tallyd server(options, scratch / "data");
    const std::vector<Customer> customers = create_customers(server, done_customers);
    create_prices(server);
    send_one_event_per_row(server, first_day);
    std::vector<std::string> requests;
    for (std::uint64_t i = 0; i < 59 * done_customers; ++i) {
      requests.push_back(report_request(customers[i % customers.size()], rows_order(first_day, i)));
    }
    const Answer one =
        ask(server.port(), report_request(customers[0], rows_order(first_day, 0), "", "Prefer: wait=9\r\n"));
    std::size_t rows = 0;
    for (std::size_t at = 0; (at = one.body.find("\"period\"", at)) != std::string::npos; ++at) ++rows;
    if (one.status != 200 || rows != rows_of_report) give_up("a report has " + std::to_string(rows) + " rows, not 640");
    turns = alternate(options.rounds, options.pause_seconds,
                      {[&] { return jobs_done_per_second(options, server, customers, requests); }});
    server.stop();
  }
  const LocalStore local(scratch / "data");
  std::vector<double> local_turns;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    const Stopwatch watch;
    for (std::uint64_t i = 0; i < options.report_queries; ++i) {
      const AccountId account(account_name(static_cast<std::uint32_t>(i % done_customers)));
      if (local.report(account, rows_order(first_day, i)).rows.size() != rows_of_report) give_up("a report lost rows");
    }
    local_turns.push_back(static_cast<double>(options.report_queries) / watch.seconds());
  }
  figures.add({"report.done", turns[0], "reports/s", "Meter::report alone, one thread", local_turns,
               Aim{Aim::Sense::at_least, aimed_reports_per_second, false},
               std::to_string(options.report_jobs) +
                   " jobs a turn over HTTP, from the first submit until all are "
                   "completed; 640 report rows each, " +
                   std::to_string(done_customers) + " accounts, " + std::to_string(options.connections) +
                   " connections"});
}

// Latencies of one kind of report over one store.
struct Latencies {
  std::vector<double> ms;
  std::uint64_t rows = 0;
};

void query(const LocalStore& store, const ReportRequest& order, std::uint32_t accounts, std::uint64_t count,
           Latencies& into) {
  Dice dice(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const AccountId account(account_name(dice.below(accounts)));
    const Stopwatch watch;
    const Report report = store.report(account, order);
    into.ms.push_back(watch.seconds() * 1e3);
    into.rows += report.rows.size();
  }
}

void measure_growth_of(const Options& options, Figures& figures, const LocalStore& small, const LocalStore& large,
                       const std::string& name, const ReportRequest& order, std::uint32_t accounts, bool aimed) {
  Latencies of_small;
  Latencies of_large;
  query(small, order, accounts, options.report_queries / 4, of_small);  // to warm up
  query(large, order, accounts, options.report_queries / 4, of_large);
  of_small = of_large = {};
  std::vector<double> p50_small, p50_large, p99_small, p99_large;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    Latencies a, b;
    query(small, order, accounts, options.report_queries, a);
    query(large, order, accounts, options.report_queries, b);
    p50_small.push_back(percentile(a.ms, 0.5));
    p50_large.push_back(percentile(b.ms, 0.5));
    p99_small.push_back(percentile(a.ms, 0.99));
    p99_large.push_back(percentile(b.ms, 0.99));
    of_small.rows += a.rows;
    of_large.rows += b.rows;
  }
  const auto queries = options.rounds * options.report_queries;
  const std::string limit_name = "over " + std::to_string(options.events_small) + " events";
  const std::string conditions = "Meter::report in process over " + std::to_string(options.events_large) + " events, " +
                                 std::to_string(options.report_queries) + " queries a turn, " +
                                 std::to_string(of_large.rows / queries) + " rows each (" +
                                 std::to_string(of_small.rows / queries) + " in the small store)";
  const auto aim = [&](double ms) { return aimed ? std::optional(Aim{Aim::Sense::at_most, ms, false}) : std::nullopt; };
  figures.add({name + ".p50", p50_large, "ms", limit_name, p50_small, aim(aimed_p50_ms), conditions});
  figures.add({name + ".p99", p99_large, "ms", limit_name, p99_small, aim(report_aimed_p99_ms), conditions});
  if (aimed) {
    const double growth = median(p50_large) / median(p50_small);
    figures.add(
        {name + ".growth", {growth}, "x", "", {}, Aim{Aim::Sense::at_most, aimed_growth, false}, "the two p50 above"});
  }
}

void measure_over_http(const Options& options, Figures& figures, const std::string& data, const ReportRequest& order) {
  const Tallyd server(options, data);
  const std::vector<Customer> customers = create_customers(server, 20);
  std::vector<std::string> requests;
  for (const Customer& customer : customers) {
    requests.push_back(report_request(customer, order, "", "Prefer: wait=10\r\n"));
  }
  std::vector<double> p50, p99;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    std::vector<double> ms;
    std::uint64_t sent = 0;
    std::optional<Stopwatch> watch;
    run_closed_loop(
        server.port(), 1,
        [&]() -> std::string_view {
          if (sent == options.report_queries / 4) return {};
          watch.emplace();
          return requests[sent++ % requests.size()];
        },
        [&](int status, std::string_view body) {
          ms.push_back(watch->seconds() * 1e3);
          if (status != 200) give_up("a report brought " + std::string(body));
        });
    p50.push_back(percentile(ms, 0.5));
    p99.push_back(percentile(ms, 0.99));
  }
  const std::string conditions =
      "POST /v1/reports with Prefer: wait, one after the other; with two synced commits each; the 20 largest accounts";
  figures.add({"report.over_http.p50", p50, "ms", "", {}, {}, conditions});
  figures.add({"report.over_http.p99", p99, "ms", "", {}, {}, conditions});
}

void measure_growth(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  // Filled, closed and opened again: what is timed reads the disk's files, as a server does that was started anew.
  LocalStore(scratch / "small").ingest(first_day, options.events_small);
  LocalStore(scratch / "large").ingest(first_day, options.events_large);
  const ReportRequest month = by_endpoint(workload_month(first_day), Granularity::month);
  const ReportRequest days = by_endpoint(workload_month(first_day), Granularity::day);
  {
    const LocalStore small(scratch / "small");
    const LocalStore large(scratch / "large");
    measure_growth_of(options, figures, small, large, "report.month.largest", month, 20, true);
    measure_growth_of(options, figures, small, large, "report.month.any", month, workload_accounts, true);
    measure_growth_of(options, figures, small, large, "report.days.largest", days, 20, true);
    // Small accounts fill more of their cells as events come in, so this one prints more rows over more events.
    measure_growth_of(options, figures, small, large, "report.days.any", days, workload_accounts, false);
    std::uint64_t counted = 0;
    ReportRequest all = month;
    all.range = workload_range(first_day);
    all.granularity = Granularity::total;
    for (std::uint32_t i = 0; i < workload_accounts; ++i) {
      counted += static_cast<std::uint64_t>(large.report(AccountId(account_name(i)), all).totals.requests);
    }
    if (counted != options.events_large) give_up("the reports count " + std::to_string(counted) + " events");
    figures.checked("the reports count all " + std::to_string(counted) + " events");
  }
  measure_over_http(options, figures, scratch / "large", month);
}

}  // namespace

void bench_report(const Options& options, Figures& figures) {
  measure_done(options, figures);
  measure_growth(options, figures);
}

}  // namespace tally::tools::bench

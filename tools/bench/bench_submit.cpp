// Submitting jobs durably, beside RocksDB's own group commit with as many waiting writers.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/limits.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint32_t submit_customers_count = 64;
constexpr double submit_aimed_ratio = 0.6;

struct Submitted {
  std::uint64_t jobs = 0;
  std::vector<double> cpu_us;  // of tallyd's processor time, per job
};

// Submits for a while and lets the server finish what it was given. The workers run beside, as they would.
double submits_per_second(const Options& options, const Tallyd& server, const std::vector<Customer>& customers,
                          const std::vector<std::string>& requests, Submitted& submitted) {
  const double cpu_before = cpu_seconds_of(server.pid());
  std::uint64_t sent = 0;
  std::uint64_t accepted = 0;
  const Stopwatch watch;
  const double seconds = run_closed_loop(
      server.port(), options.connections,
      [&]() -> std::string_view {
        return watch.seconds() < options.seconds ? requests[sent++ % requests.size()] : std::string_view();
      },
      [&](int status, std::string_view body) {
        if (status != 202) give_up("a submit brought " + std::string(body));
        ++accepted;
      });
  finish_jobs(server, customers);
  submitted.jobs += accepted;
  submitted.cpu_us.push_back((cpu_seconds_of(server.pid()) - cpu_before) / static_cast<double>(accepted) * 1e6);
  return static_cast<double>(accepted) / seconds;
}

// Jobs that the server lists for the customers; all of them must be completed.
std::uint64_t completed_jobs(const Tallyd& server, const std::vector<Customer>& customers) {
  std::uint64_t jobs = 0;
  for (const Customer& customer : customers) {
    std::string cursor;
    do {
      const std::string target = "/v1/reports?limit=500" + (cursor.empty() ? "" : "&cursor=" + cursor);
      const Answer answer = ask(server.port(), get_request(customer, target));
      std::uint64_t listed = 0;
      std::uint64_t completed = 0;
      for (std::size_t at = 0; (at = answer.body.find("\"status\":", at)) != std::string::npos; ++at) ++listed;
      for (std::size_t at = 0; (at = answer.body.find(":\"completed\"", at)) != std::string::npos; ++at) ++completed;
      if (answer.status != 200 || listed != completed) give_up("an unfinished job is listed: " + answer.body);
      jobs += completed;
      cursor = member(answer.body, "next_cursor");
    } while (cursor != "null");
  }
  return jobs;
}

}  // namespace

void bench_submit(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const Tallyd server(options, scratch / "data");
  const std::vector<Customer> customers = create_customers(server, submit_customers_count);
  const SystemClock clock;
  ReportRequest order;
  order.range = workload_month(workload_first_day(clock));
  order.granularity = Granularity::month;
  std::vector<std::string> own;
  std::vector<std::string> nyne;
  for (const Customer& customer : customers) {
    own.push_back(report_request(customer, order));
    nyne.push_back(get_request(customer, "/usage"));
  }
  SyncedPuts puts(scratch / "puts", options.connections);
  Submitted own_jobs;
  Submitted nyne_jobs;
  const auto turns = alternate(options.rounds, options.pause_seconds,
                               {[&] { return submits_per_second(options, server, customers, own, own_jobs); },
                                [&] { return puts.puts_per_second(options.seconds); },
                                [&] { return submits_per_second(options, server, customers, nyne, nyne_jobs); }});
  const std::string threads = std::to_string(options.connections);
  const std::string conditions = threads + " connections, " + threads + " threads of puts (16 + 100 B), " +
                                 std::to_string(submit_customers_count) +
                                 " keys with limits, the workers finishing the jobs";
  const Aim aim{Aim::Sense::at_least, submit_aimed_ratio, true};
  figures.add({"submit.reports", turns[0], "submits/s", "synced puts", turns[1], aim, conditions});
  figures.add({"submit.usage", turns[2], "submits/s", "synced puts", turns[1], aim, conditions});
  figures.add({"submit.reports.cpu",
               own_jobs.cpu_us,
               "us/job",
               "",
               {},
               {},
               "tallyd's processor time, all threads, from submit to completed"});
  figures.add({"submit.usage.cpu", nyne_jobs.cpu_us, "us/job", "", {}, {}, "the same"});
  // finish_jobs adds one of its own per customer each time.
  const std::uint64_t expected = own_jobs.jobs + 2 * options.rounds * customers.size();
  if (const std::uint64_t found = completed_jobs(server, customers); found != expected) {
    give_up(std::to_string(expected) + " reports were accepted, " + std::to_string(found) + " are listed");
  }
  figures.checked(std::to_string(expected) + " accepted reports are all listed as completed");
}

}  // namespace tally::tools::bench

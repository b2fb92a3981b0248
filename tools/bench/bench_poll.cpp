// Polling finished jobs, beside a handler that does nothing on the same server code, and beside nginx.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint32_t poll_customers_count = 20;
constexpr double poll_aimed_ratio = 0.6;

struct Served {
  std::vector<double> requests_per_second;
  std::vector<double> cpu_us;  // of the server's processor time, per request: what it costs however busy the machine is
};

// Requests sent round robin for a while; each answer must be 200 and hold `mark`. Adds a turn to `served`.
double serve(const Options& options, std::uint16_t port, pid_t pid, const std::vector<std::string>& requests,
             std::string_view mark, Served& served) {
  std::uint64_t sent = 0;
  const double cpu_before = cpu_seconds_of(pid);
  const Stopwatch watch;
  const double seconds = run_closed_loop(
      port, options.connections,
      [&]() -> std::string_view {
        return watch.seconds() < options.seconds ? requests[sent++ % requests.size()] : std::string_view();
      },
      [&](int status, std::string_view body) {
        if (status != 200 || body.find(mark) == std::string_view::npos) give_up("a poll brought " + std::string(body));
      });
  const auto answered = static_cast<double>(sent);
  served.cpu_us.push_back((cpu_seconds_of(pid) - cpu_before) / answered * 1e6);
  served.requests_per_second.push_back(answered / seconds);
  return served.requests_per_second.back();
}

struct Polled {
  std::string name;
  std::vector<std::string> requests;
  std::size_t body_bytes = 0;
};

// Submits jobs by `submit` and gives the requests that poll them.
Polled submit_jobs(const Options& options, const Tallyd& server, const std::vector<Customer>& customers,
                   const std::string& name, const std::function<std::string(const Customer&)>& submit,
                   const std::function<std::string(const std::string& id)>& target) {
  Polled polled{name, {}, 0};
  for (std::uint64_t i = 0; i < options.polled_jobs; ++i) {
    const Customer& customer = customers[i % customers.size()];
    const Answer answer = ask(server.port(), submit(customer));
    if (answer.status != 202) give_up("a submit brought " + answer.body);
    polled.requests.push_back(get_request(customer, target(std::string(member(answer.body, "request_id")))));
  }
  finish_jobs(server, customers);
  polled.body_bytes = ask(server.port(), polled.requests.front()).body.size();
  return polled;
}

void measure(const Options& options, Figures& figures, const ScratchDirectory& scratch, const Tallyd& server,
             const Polled& polled) {
  const FixedServer empty(polled.body_bytes, scratch / "empty.log");
  const auto nginx = Nginx::start(polled.body_bytes, scratch);
  Served ours, nothing, nginxs;
  std::vector<std::function<double()>> sides{
      [&] { return serve(options, server.port(), server.pid(), polled.requests, "completed", ours); },
      [&] { return serve(options, empty.port(), empty.pid(), polled.requests, "xxx", nothing); }};
  if (nginx) {
    sides.emplace_back([&] { return serve(options, nginx->port(), nginx->pid(), polled.requests, "xxx", nginxs); });
  }
  alternate(options.rounds, 0, sides);
  const std::string conditions = std::to_string(options.connections) + " connections, body of " +
                                 std::to_string(polled.body_bytes) + " B, " + std::to_string(polled.requests.size()) +
                                 " finished jobs of " + std::to_string(poll_customers_count) + " keys with limits";
  figures.add({polled.name, ours.requests_per_second, "requests/s", "empty handler", nothing.requests_per_second,
               Aim{Aim::Sense::at_least, poll_aimed_ratio, true}, conditions});
  figures.add({polled.name + ".cpu",
               ours.cpu_us,
               "us/request",
               "empty handler",
               nothing.cpu_us,
               {},
               "the server's processor time"});
  if (nginx) {
    figures.add({polled.name + ".nginx",
                 ours.requests_per_second,
                 "requests/s",
                 "nginx, one process",
                 nginxs.requests_per_second,
                 {},
                 conditions});
  } else {
    figures.checked("no nginx here, so it is not compared (tools/setup bench installs it)");
  }
}

}  // namespace

void bench_poll(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const Tallyd server(options, scratch / "data");
  const std::vector<Customer> customers = create_customers(server, poll_customers_count);
  create_prices(server);
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  std::string events = "[";
  for (std::uint32_t account = 0; account < poll_customers_count; ++account) {
    for (std::uint32_t endpoint = 0; endpoint < 4; ++endpoint) {
      const UtcTime time = workload_month(first_day).from + endpoint * day_ms;
      if (events.size() > 1) events += ",";
      append_event_json(events, {account * 100 + endpoint, account, endpoint, time, 3});
    }
  }
  server.call("POST", "/operator/v1/events", events + "]", 200);

  ReportRequest order;
  order.range = workload_month(first_day);
  order.granularity = Granularity::month;
  order.group_by = {GroupBy::category};
  const Polled reports = submit_jobs(
      options, server, customers, "poll.reports",
      [&](const Customer& customer) { return report_request(customer, order); },
      [](const std::string& id) { return "/v1/reports/" + id; });
  const Date month = date_of_day(day_of(order.range.from));
  const std::string usage = "/usage?month=" + std::to_string(month.month) + "&year=" + std::to_string(month.year);
  const Polled nyne = submit_jobs(
      options, server, customers, "poll.usage", [&](const Customer& customer) { return get_request(customer, usage); },
      [](const std::string& id) { return "/usage?request_id=" + id; });
  measure(options, figures, scratch, server, reports);
  measure(options, figures, scratch, server, nyne);
}

}  // namespace tally::tools::bench

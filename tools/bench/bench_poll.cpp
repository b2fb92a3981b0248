// Polling finished jobs, beside a handler that does nothing on the same server code, and beside nginx.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint32_t customers_count = 20;
constexpr double aimed_ratio = 0.6;

// Requests sent round robin for a while; each answer must be 200 and hold `mark`.
double requests_per_second(const Options& options, std::uint16_t port, const std::vector<std::string>& requests,
                           std::string_view mark) {
  std::uint64_t sent = 0;
  const Stopwatch watch;
  const double seconds = run_closed_loop(
      port, options.connections,
      [&]() -> std::string_view {
        return watch.seconds() < options.seconds ? requests[sent++ % requests.size()] : std::string_view();
      },
      [&](int status, std::string_view body) {
        if (status != 200 || body.find(mark) == std::string_view::npos) give_up("a poll brought " + std::string(body));
      });
  return static_cast<double>(sent) / seconds;
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
  std::vector<std::function<double()>> sides{
      [&] { return requests_per_second(options, server.port(), polled.requests, "completed"); },
      [&] { return requests_per_second(options, empty.port(), polled.requests, "xxx"); }};
  if (nginx) sides.emplace_back([&] { return requests_per_second(options, nginx->port(), polled.requests, "xxx"); });
  const auto turns = alternate(options.rounds, 0, sides);
  const std::string conditions = std::to_string(options.connections) + " connections, body of " +
                                 std::to_string(polled.body_bytes) + " B, " + std::to_string(polled.requests.size()) +
                                 " finished jobs of " + std::to_string(customers_count) + " keys with limits";
  figures.add({polled.name, turns[0], "requests/s", "empty handler", turns[1],
               Aim{Aim::Sense::at_least, aimed_ratio, true}, conditions});
  if (nginx) {
    figures.add({polled.name + ".nginx", turns[0], "requests/s", "nginx, one worker", turns[2], {}, conditions});
  } else {
    figures.checked("no nginx here, so it is not compared (tools/setup bench installs it)");
  }
}

}  // namespace

void bench_poll(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const Tallyd server(options, scratch / "data");
  const std::vector<Customer> customers = create_customers(server, customers_count);
  create_prices(server);
  const SystemClock clock;
  const std::int32_t first_day = workload_first_day(clock);
  std::string events = "[";
  for (std::uint32_t account = 0; account < customers_count; ++account) {
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

// Webhook deliveries, beside a bare libcurl loop that POSTs as much to the same receiver; and receivers that hang.
#include <unistd.h>

#include "core/config.h"
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/limits.h"
#include "tools/bench/measure.h"
#include "tools/bench/outbox.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::size_t body_bytes = 600;
constexpr double webhook_aimed_ratio = 0.6;
constexpr double patience_seconds = 120;

std::vector<std::string> flags(std::size_t concurrency) {
  return {"--allow-private-callbacks", "--webhooks-concurrent-per-host", std::to_string(concurrency)};
}

// Gives every page of the server's log of deliveries to `take`. A page may be empty and yet have a next one.
void each_page(const Tallyd& server, const std::string& status, const std::function<void(std::string_view)>& take) {
  std::string cursor;
  do {
    const std::string target =
        "/operator/v1/deliveries?status=" + status + "&limit=500" + (cursor.empty() ? "" : "&cursor=" + cursor);
    const std::string page = server.call("GET", target, "", 200);
    take(page);
    cursor = member(page, "next_cursor");
  } while (cursor != "null");
}

bool none_pending(const Tallyd& server) {
  bool none = true;
  each_page(server, "pending", [&](std::string_view page) { none = none && page.starts_with("{\"items\":[]"); });
  return none;
}

// What the log tells of those that took more than one attempt.
std::string repeated_deliveries(const Tallyd& server) {
  std::uint64_t repeated = 0;
  each_page(server, "delivered", [&](std::string_view page) {
    for (std::size_t at = 0; (at = page.find("\"attempts\":", at)) != std::string::npos; ++at) {
      if (integer_member(page.substr(at), "attempts") != 1) ++repeated;
    }
  });
  return std::to_string(repeated) + " took more than one attempt";
}

struct Delivered {
  double per_second = 0;
  double cpu_us = 0;  // of processor time, each
};

// Waits for the deliveries and for their records; more or fewer than `expected` is a failure. The time is the
// receiver's, from the first to the last.
Delivered wait_for_deliveries(const Tallyd& server, const FixedServer& receiver, std::uint64_t expected) {
  const double cpu_before = cpu_seconds_of(server.pid());
  const Stopwatch watch;
  const auto waited_for = [&](const std::function<bool()>& there) {
    while (!there()) {
      if (watch.seconds() > patience_seconds) give_up("the deliveries do not all come");
      pause_seconds(0.05);
    }
  };
  waited_for([&] { return receiver.received().posts >= expected; });
  const double cpu_seconds = cpu_seconds_of(server.pid()) - cpu_before;
  waited_for([&] { return none_pending(server); });
  const FixedServer::Received received = receiver.received();
  if (received.posts != expected) {
    give_up(std::to_string(expected) + " deliveries were due, " + std::to_string(received.posts) + " came; " +
            repeated_deliveries(server));
  }
  return {static_cast<double>(expected - 1) / received.seconds, cpu_seconds / static_cast<double>(expected) * 1e6};
}

class WebhookBench {
 public:
  explicit WebhookBench(const Options& options)
      : options_(options),
        scratch_(options.dir),
        data_(scratch_ / "data"),
        receiver_(2, scratch_ / "receiver.log"),
        url_("http://127.0.0.1:" + std::to_string(receiver_.port()) + "/hook") {
    Tallyd server(options_, data_);
    customers_ = create_customers(server, outbox_accounts);
    server.stop();
  }

  Delivered from_outbox(std::size_t concurrency) {
    const std::string body = "{\"status\":\"completed\",\"filler\":\"" + std::string(body_bytes - 34, 'x') + "\"}";
    fill_outbox(data_, options_.deliveries, [&](std::uint64_t) { return OutboxEntry{url_, body, clock_.now()}; });
    receiver_.forget_received();
    Tallyd server(options_, data_, flags(concurrency));
    const Delivered delivered = wait_for_deliveries(server, receiver_, options_.deliveries);
    server.stop();
    return delivered;
  }

  Delivered by_curl(std::size_t concurrency) {
    receiver_.forget_received();
    const double cpu_seconds = cpu_seconds_of(::getpid());
    post_by_curl(url_, options_.deliveries, body_bytes, concurrency);
    const auto posts = static_cast<double>(options_.deliveries);
    return {(posts - 1) / receiver_.received().seconds, (cpu_seconds_of(::getpid()) - cpu_seconds) / posts * 1e6};
  }

  // The whole way: submitted, computed, delivered.
  double from_jobs(std::size_t concurrency) {
    Tallyd server(options_, data_, flags(concurrency));
    ReportRequest order;
    order.range = workload_month(workload_first_day(clock_));
    order.granularity = Granularity::month;
    std::vector<std::string> requests;
    for (const Customer& customer : customers_) requests.push_back(report_request(customer, order, url_));
    const std::uint64_t jobs = options_.deliveries / 5;
    std::uint64_t sent = 0;
    receiver_.forget_received();
    run_closed_loop(
        server.port(), options_.connections,
        [&]() -> std::string_view { return sent < jobs ? requests[sent++ % requests.size()] : std::string_view(); },
        [&](int status, std::string_view body) {
          if (status != 202) give_up("a submit brought " + std::string(body));
        });
    const Delivered delivered = wait_for_deliveries(server, receiver_, jobs);
    server.stop();
    return delivered.per_second;
  }

 private:
  const Options& options_;
  SystemClock clock_;
  ScratchDirectory scratch_;
  std::string data_;
  FixedServer receiver_;
  std::string url_;
  std::vector<Customer> customers_;
};

}  // namespace

void bench_webhook(const Options& options, Figures& figures) {
  WebhookBench bench(options);
  const std::size_t by_default = WebhookSettings{}.concurrent_per_host;
  for (const std::size_t concurrency : {by_default, std::size_t{64}}) {
    std::vector<double> cpu_us[2];
    const auto rate_of = [&cpu_us](std::size_t side, const Delivered& delivered) {
      cpu_us[side].push_back(delivered.cpu_us);
      return delivered.per_second;
    };
    const auto turns = alternate(
        options.rounds, options.pause_seconds,
        {[&] { return rate_of(0, bench.from_outbox(concurrency)); },
         [&] { return rate_of(1, bench.by_curl(concurrency)); }, [&] { return bench.from_jobs(concurrency); }});
    const std::string at_once = std::to_string(concurrency) + " at once";
    figures.add({"webhook.deliveries_" + std::to_string(concurrency), turns[0], "deliveries/s", "bare libcurl multi",
                 turns[1], Aim{Aim::Sense::at_least, webhook_aimed_ratio, true},
                 std::to_string(options.deliveries) + " signed deliveries a turn from a full outbox, " +
                     std::to_string(body_bytes) + " B, " + at_once + ", one keep-alive receiver"});
    figures.add({"webhook.deliveries_" + std::to_string(concurrency) + ".cpu",
                 cpu_us[0],
                 "us/delivery",
                 "bare libcurl multi",
                 cpu_us[1],
                 {},
                 "the same"});
    figures.add(
        {"webhook.jobs_" + std::to_string(concurrency),
         turns[2],
         "callbacks/s",
         "bare libcurl multi",
         turns[1],
         {},
         std::to_string(options.deliveries / 5) + " jobs a turn submitted, computed and called back, " + at_once});
  }
  figures.checked("every delivery came once, and none is left pending");
  bench_hanging(options, figures);
}

}  // namespace tally::tools::bench

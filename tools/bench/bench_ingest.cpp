// Usage events over HTTP, beside RocksDB with one Merge per event in this process.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/limits.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

struct Load {
  std::vector<std::string> requests;
  std::uint64_t events = 0;
  std::size_t body_bytes = 0;  // of one request, about
};

Load render(const Tallyd& server, std::int32_t first_day, std::uint64_t events, std::uint64_t batch,
            std::uint64_t first_number) {
  Workload workload(first_day, events, first_number);
  Load load;
  for (; load.events < events; load.events += batch) {
    std::string body = "[";
    for (std::uint64_t i = 0; i < batch; ++i) {
      if (i > 0) body += ",";
      append_event_json(body, workload.next());
    }
    load.body_bytes = body.size() + 1;
    load.requests.push_back(render_request("POST", "/operator/v1/events", server.authorization(), body + "]"));
  }
  return load;
}

// Sends it all once. Every event must be accepted, none be a duplicate.
double events_per_second(const Tallyd& server, const Load& load, std::uint64_t batch, std::size_t connections) {
  std::size_t sent = 0;
  const double seconds = run_closed_loop(
      server.port(), connections,
      [&]() -> std::string_view { return sent < load.requests.size() ? load.requests[sent++] : std::string_view(); },
      [&](int status, std::string_view body) {
        const bool good = status == 200 && integer_member(body, "accepted") == static_cast<std::int64_t>(batch) &&
                          integer_member(body, "duplicates") == 0;
        if (!good) give_up("a batch brought " + std::string(body));
      });
  return static_cast<double>(load.events) / seconds;
}

class IngestBench {
 public:
  IngestBench(const Options& options, Figures& figures)
      : options_(options),
        figures_(figures),
        scratch_(options.dir),
        first_day_(workload_first_day(clock_)),
        server_(options, scratch_ / "data"),
        plain_(scratch_ / "plain", first_day_),
        customers_(create_customers(server_, workload_accounts)) {
    create_prices(server_);
  }

  void measure(const std::string& name, std::uint64_t batch, std::uint64_t events, std::size_t limit_threads,
               double aimed_ratio) {
    std::size_t body_bytes = 0;
    std::vector<double> cpu_us;
    const auto turns = alternate(
        options_.rounds, options_.pause_seconds,
        {[&] {
           const Load load = render(server_, first_day_, events, batch, sent_);
           sent_ += load.events;
           body_bytes = load.body_bytes;
           const double cpu_before = cpu_seconds_of(server_.pid());
           const double rate = events_per_second(server_, load, batch, options_.ingest_connections);
           cpu_us.push_back((cpu_seconds_of(server_.pid()) - cpu_before) / static_cast<double>(load.events) * 1e6);
           return rate;
         },
         [&] {
           plain_events_ += events / limit_threads * limit_threads;
           return plain_.events_per_second(events, batch, limit_threads);
         }});
    const std::string conditions =
        std::to_string(events) + " events a turn, " + std::to_string(options_.ingest_connections) + " connections, " +
        std::to_string(body_bytes) + " B a batch; 2,000 accounts, 50 endpoints, 90 days; limit with " +
        std::to_string(limit_threads) + " thread(s)";
    figures_.add({name, turns[0], "events/s", "RocksDB, a Merge per event", turns[1],
                  Aim{Aim::Sense::at_least, aimed_ratio, true}, conditions});
    figures_.add({name + ".cpu", cpu_us, "us/event", "", {}, {}, "tallyd's processor time, all threads"});
  }

  void check_counts() {
    const std::uint64_t reported = reported_requests(server_, customers_, first_day_);
    if (reported != sent_) {
      give_up(std::to_string(sent_) + " events were accepted, the reports count " + std::to_string(reported));
    }
    if (plain_.counted() != plain_events_) give_up("the limit lost events");
    figures_.checked(std::to_string(sent_) + " events accepted, no duplicate, and all in the reports");
  }

 private:
  const Options& options_;
  Figures& figures_;
  SystemClock clock_;
  ScratchDirectory scratch_;
  std::int32_t first_day_;
  Tallyd server_;
  MergePerEvent plain_;
  std::vector<Customer> customers_;
  std::uint64_t sent_ = 0;
  std::uint64_t plain_events_ = 0;
};

}  // namespace

void bench_ingest(const Options& options, Figures& figures) {
  IngestBench bench(options, figures);
  // The limit's threads are those with which it is fastest on two cores.
  bench.measure("ingest.batches_of_1000", 1'000, options.ingest_events, 2, 2.0);
  bench.measure("ingest.batches_of_100", 100, options.ingest_events / 3 / 100 * 100, 4, 1.0);
  bench.check_counts();
}

}  // namespace tally::tools::bench

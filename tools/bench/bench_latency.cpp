// From submit until a client that polls every 5 ms sees the report completed, at a fixed rate of submits.
#include <algorithm>
#include <functional>
#include <queue>

#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint32_t latency_customers_count = 50;
constexpr std::int64_t poll_every_ns = 5'000'000;
constexpr double latency_aimed_p99_ms = 15;

// Submits on schedule, however slow the answers are: what waits for a free connection waits on its own time.
class FixedRate {
 public:
  FixedRate(const Options& options, const Tallyd& server, const std::vector<Customer>& customers)
      : options_(options),
        customers_(customers),
        client_(server.port(), options.connections,
                [this](std::size_t connection, int status, std::string_view body) { take(connection, status, body); }) {
    ReportRequest order;
    order.range = workload_month(workload_first_day(clock_));
    order.granularity = Granularity::month;
    for (const Customer& customer : customers_) submits_.push_back(report_request(customer, order));
    for (std::size_t i = 0; i < client_.connections(); ++i) free_.push_back(i);
    working_.resize(client_.connections());
  }

  // Answers the milliseconds from each submit's due time until `completed` was seen.
  std::vector<double> run() {
    const auto jobs =
        static_cast<std::uint64_t>(static_cast<double>(options_.submits_per_second) * options_.latency_seconds);
    const std::int64_t begun = clock_.mono().ns;
    const std::int64_t every_ns = 1'000'000'000 / static_cast<std::int64_t>(options_.submits_per_second);
    for (std::uint64_t i = 0; i < jobs; ++i) {
      const std::int64_t due = begun + static_cast<std::int64_t>(i) * every_ns;
      due_.push({due, Job{i % submits_.size(), due, ""}});
    }
    while (seen_ms_.size() < jobs) {
      const std::int64_t now = clock_.mono().ns;
      if (!due_.empty() && due_.top().at_ns <= now && !free_.empty()) {
        start(due_.top().job);
        due_.pop();
        continue;
      }
      const std::int64_t next = due_.empty() || free_.empty() ? now + 1'000'000'000 : due_.top().at_ns;
      client_.poll(next - now);
    }
    return seen_ms_;
  }
  const std::vector<double>& submit_ms() const noexcept { return submit_ms_; }

 private:
  struct Job {
    std::size_t customer = 0;
    std::int64_t submitted_ns = 0;
    std::string poll;  // the request; empty until it is submitted
  };
  struct Due {
    std::int64_t at_ns;
    Job job;
    bool operator<(const Due& other) const { return at_ns > other.at_ns; }
  };

  void start(Job job) {
    const std::size_t connection = free_.back();
    free_.pop_back();
    working_[connection] = std::move(job);
    const Job& here = working_[connection];
    client_.send(connection, here.poll.empty() ? submits_[here.customer] : here.poll);
  }

  void take(std::size_t connection, int status, std::string_view body) {
    Job job = std::move(working_[connection]);
    free_.push_back(connection);
    const std::int64_t now = clock_.mono().ns;
    const double ms = static_cast<double>(now - job.submitted_ns) / 1e6;
    if (job.poll.empty()) {
      if (status != 202) give_up("a submit brought " + std::string(body));
      submit_ms_.push_back(ms);
      job.poll = get_request(customers_[job.customer], "/v1/reports/" + std::string(member(body, "request_id")));
    } else {
      if (status != 200) give_up("a poll brought " + std::string(body));
      const std::string_view state = member(body, "status");
      if (state == "completed") return seen_ms_.push_back(ms);
      if (state != "queued" && state != "processing") give_up("a report became " + std::string(body));
    }
    due_.push({now + poll_every_ns, std::move(job)});
  }

  const Options& options_;
  SystemClock clock_;
  const std::vector<Customer>& customers_;
  std::vector<std::string> submits_;
  std::vector<std::size_t> free_;
  std::vector<Job> working_;  // by connection
  std::priority_queue<Due> due_;
  std::vector<double> seen_ms_;
  std::vector<double> submit_ms_;
  Client client_;
};

}  // namespace

void bench_latency(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const Tallyd server(options, scratch / "data");
  const std::vector<Customer> customers = create_customers(server, latency_customers_count);
  std::vector<double> p50, p99, submit_p50, submit_p99;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    FixedRate load(options, server, customers);
    const std::vector<double> seen_ms = load.run();
    p50.push_back(percentile(seen_ms, 0.5));
    p99.push_back(percentile(seen_ms, 0.99));
    submit_p50.push_back(percentile(load.submit_ms(), 0.5));
    submit_p99.push_back(percentile(load.submit_ms(), 0.99));
  }
  const std::string conditions = std::to_string(options.submits_per_second) + " submits/s for " +
                                 std::to_string(options.latency_seconds) +
                                 " s, each polled first after 5 ms, then every 5 ms";
  figures.add({"latency.completed.p50", p50, "ms", "", {}, {}, conditions});
  figures.add(
      {"latency.completed.p99", p99, "ms", "", {}, Aim{Aim::Sense::at_most, latency_aimed_p99_ms, false}, conditions});
  figures.add({"latency.submit.p50", submit_p50, "ms", "", {}, {}, "until the 202"});
  figures.add({"latency.submit.p99", submit_p99, "ms", "", {}, {}, "until the 202"});
}

}  // namespace tally::tools::bench

// A gateway's question before every call: key, address, limits, price and hold decided in one durable commit.
#include <cstdint>

#include "core/system.h"
#include "tools/bench/benches.h"
#include "tools/bench/client.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr double aimed_decisions_per_second = 20'000;
constexpr double aimed_p99_ms = 10;

std::string question(const Tallyd& server, const Customer& customer) {
  return server.render("POST", "/operator/v1/authorize",
                       R"({"key":")" + customer.key + R"(","secret":")" + customer.secret +
                           R"(","ip":"192.0.2.7","endpoint":"search/people","ttl_seconds":600})");
}

struct Turn {
  double decisions_per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

// Every connection asks again as soon as it is answered.
Turn ask_for_a_while(const Options& options, const Tallyd& server, const std::vector<std::string>& questions) {
  const SystemClock clock;
  std::vector<std::int64_t> asked_ns(options.connections);
  std::vector<double> took_ms;
  std::uint64_t next = 0;
  const Stopwatch watch;
  Client* sender = nullptr;
  const auto send = [&](std::size_t connection) {
    asked_ns[connection] = clock.mono().ns;
    sender->send(connection, questions[next++ % questions.size()]);
  };
  Client client(server.port(), options.connections, [&](std::size_t connection, int status, std::string_view body) {
    if (status != 200 || body.find(R"("allowed":true)") == std::string_view::npos)
      give_up("a question brought " + std::string(body));
    took_ms.push_back(static_cast<double>(clock.mono().ns - asked_ns[connection]) / 1e6);
    if (watch.seconds() < options.seconds) send(connection);
  });
  sender = &client;
  for (std::size_t i = 0; i < client.connections(); ++i) send(i);
  while (client.in_flight() > 0) client.poll(100'000'000);
  const double seconds = watch.seconds();
  return {static_cast<double>(took_ms.size()) / seconds, percentile(took_ms, 0.5), percentile(took_ms, 0.99)};
}

}  // namespace

void bench_authorize(const Options& options, Figures& figures) {
  const ScratchDirectory scratch(options.dir);
  const Tallyd server(options, scratch / "data");
  create_prices(server);
  const std::vector<Customer> customers = create_customers(server, options.ledger_accounts);
  grant_credits(server, options.ledger_accounts, "1000000");
  std::vector<std::string> questions;
  for (const Customer& customer : customers) {
    questions.push_back(question(server, customer));
  }
  std::vector<double> rates, p50, p99;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    const Turn turn = ask_for_a_while(options, server, questions);
    rates.push_back(turn.decisions_per_second);
    p50.push_back(turn.p50_ms);
    p99.push_back(turn.p99_ms);
    pause_seconds(options.pause_seconds);
  }
  const std::string conditions = std::to_string(options.connections) + " connections, pairs with limits, " +
                                 std::to_string(customers.size()) + " accounts in turn";
  figures.add({"authorize.decisions",
               rates,
               "decisions/s",
               "",
               {},
               Aim{Aim::Sense::at_least, aimed_decisions_per_second, false},
               "each a durable hold; " + conditions});
  figures.add({"authorize.p50", p50, "ms", "", {}, {}, conditions});
  figures.add({"authorize.p99", p99, "ms", "", {}, Aim{Aim::Sense::at_most, aimed_p99_ms, false}, conditions});
}

}  // namespace tally::tools::bench

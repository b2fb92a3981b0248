// What a connection costs that waits for a report, by long poll and by Server-Sent Events.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::uint64_t jobs_ahead = 2'000;  // so that the last one is not done when the server is killed
constexpr double settle_seconds = 1;

// Connections that have sent a request each and wait.
class Waiting {
 public:
  ~Waiting() {
    for (const int fd : sockets_) ::close(fd);
  }
  void add(std::uint16_t port, std::string_view request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) give_up("no socket left");
    sockets_.push_back(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) give_up("cannot connect");
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      give_up("cannot send");
  }
  // Reads of each connection until what came holds `mark`.
  void expect(std::string_view mark) {
    std::string bytes(8192, '\0');
    for (const int fd : sockets_) {
      std::string seen;
      while (seen.find(mark) == std::string::npos) {
        const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
        if (got <= 0) give_up("a stream ended with " + seen);
        seen.append(bytes, 0, static_cast<std::size_t>(got));
      }
    }
  }
  std::size_t answered() const {
    std::size_t count = 0;
    for (const int fd : sockets_) {
      pollfd one{fd, POLLIN, 0};
      count += ::poll(&one, 1, 0) > 0 ? 1 : 0;
    }
    return count;
  }

 private:
  std::vector<int> sockets_;
};

std::int64_t threads_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::stoll(line.substr(8));
  }
  return 0;
}

// A customer with a job that stays queued: the server is killed before it came to it, and the next one lacks the room
// on the disk that it wants, so it answers but writes nothing.
struct Stuck {
  Customer customer;
  std::string request_id;
};

Stuck leave_a_job(const Options& options, const std::string& data) {
  Tallyd server(options, data, {"--workers", "1"});
  Stuck stuck{create_customers(server, 1).front(), {}};
  const SystemClock clock;
  ReportRequest order;
  order.range = workload_month(workload_first_day(clock));
  order.granularity = Granularity::day;
  const std::string request = report_request(stuck.customer, order);
  std::uint64_t sent = 0;
  run_closed_loop(
      server.port(), 32, [&]() -> std::string_view { return sent++ < jobs_ahead ? request : std::string_view(); },
      [&](int status, std::string_view body) {
        if (status != 202) give_up("a submit brought " + std::string(body));
        stuck.request_id = member(body, "request_id");
      });
  server.kill_dead();
  return stuck;
}

double kb_per_waiter(const Options& options, const std::string& data, bool events) {
  const Stuck stuck = leave_a_job(options, data);
  const Tallyd server(options, data, {"--workers", "1", "--limits-disk-reserve-bytes", "1099511627776"});
  Customer customer = stuck.customer;
  if (events) customer.headers += "Accept: text/event-stream\r\n";
  const std::string target = "/v1/reports/" + stuck.request_id + (events ? "" : "?wait=60");
  const std::string request = get_request(customer, target);
  const auto wait_for = [&](std::uint64_t count, Waiting& waiting) {
    for (std::uint64_t i = 0; i < count; ++i) waiting.add(server.port(), request);
    if (events) waiting.expect("event: status");
    pause_seconds(settle_seconds);
    if (waiting.answered() > 0) give_up("a report that should wait was answered");
  };
  {
    Waiting first;  // what the first waiter costs is not a waiter's
    wait_for(1, first);
  }
  const std::int64_t threads = threads_of(server.pid());
  const std::int64_t before = memory_of(server.pid()).rss_kb;
  Waiting waiting;
  wait_for(options.waiters, waiting);
  const std::int64_t after = memory_of(server.pid()).rss_kb;
  if (threads_of(server.pid()) != threads) give_up("a waiter cost a thread");
  return static_cast<double>(after - before) / static_cast<double>(options.waiters);
}

}  // namespace

void bench_waiters(const Options& options, Figures& figures) {
  need_descriptors(options.waiters, "waiting connections");
  const ScratchDirectory scratch(options.dir);
  std::vector<double> polls;
  std::vector<double> events;
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    polls.push_back(kb_per_waiter(options, scratch / ("polls-" + std::to_string(round)), false));
    events.push_back(kb_per_waiter(options, scratch / ("events-" + std::to_string(round)), true));
  }
  const std::string conditions =
      std::to_string(options.waiters) + " connections, growth of the server's RSS, no thread";
  figures.add({"waiters.long_poll", polls, "KB/waiter", "", {}, {}, conditions});
  figures.add({"waiters.events", events, "KB/waiter", "", {}, {}, conditions});
}

}  // namespace tally::tools::bench

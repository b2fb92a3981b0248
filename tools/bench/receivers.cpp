#include "tools/bench/receivers.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <unordered_set>

#include "http/answers.h"
#include "http/json.h"
#include "http/json_writer.h"
#include "http/server.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

constexpr std::string_view due_prefix = "{\"due_ms\":";

// 127.1.0.1 and on; all of 127.0.0.0/8 is this machine.
std::string receiver_host(std::size_t receiver) {
  return "127.1." + std::to_string(receiver / 250) + "." + std::to_string(1 + receiver % 250);
}

// UtcTime counts whole milliseconds, which is too coarse here.
class FineClock {
 public:
  FineClock() {
    const UtcTime begun = clock_.now();
    while (clock_.now() == begun) {
    }
    utc_ms_ = clock_.now().ms();
    mono_ns_ = clock_.mono().ns;
  }
  double utc_ms() const {
    return static_cast<double>(utc_ms_) + static_cast<double>(clock_.mono().ns - mono_ns_) / 1e6;
  }

 private:
  SystemClock clock_;
  std::int64_t utc_ms_ = 0;
  std::int64_t mono_ns_ = 0;
};

// One I/O thread, so no locks.
struct Arrivals {
  std::vector<double> late_ms;
  std::unordered_set<std::string> ids;
  std::vector<http::Reply> unanswered;  // one that is dropped answers 500

  void count(const http::Request& request, double now_ms) {
    late_ms.push_back(now_ms - static_cast<double>(integer_member(request.body, "due_ms")));
    ids.emplace(request.header("webhook-id").value_or(""));
  }
  std::string json() const {
    const auto late_us = [this](double part) {
      return late_ms.empty() ? std::int64_t{0} : static_cast<std::int64_t>(percentile(late_ms, part) * 1000);
    };
    std::string text;
    http::JsonWriter out(text);
    out.begin_object()
        .field("posts", static_cast<std::int64_t>(late_ms.size()))
        .field("distinct", static_cast<std::int64_t>(ids.size()))
        .field("silent", static_cast<std::int64_t>(unanswered.size()))
        .field("late_p50_us", late_us(0.5))
        .field("late_p99_us", late_us(0.99))
        .end_object();
    return text;
  }
};

}  // namespace

std::string body_due_at(UtcTime due, std::size_t bytes) {
  std::string body = std::string(due_prefix) + std::to_string(due.ms()) + ",\"filler\":\"";
  if (body.size() + 2 < bytes) body.append(bytes - body.size() - 2, 'x');
  return body + "\"}";
}

Receivers::Receivers(std::size_t count, const std::string& log_file)
    : ChildServer({std::filesystem::read_symlink("/proc/self/exe").string(), "receivers", "--count",
                   std::to_string(count), "--port", std::to_string(free_port())},
                  log_file) {}

std::string Receivers::url(std::size_t receiver, const std::string& path) const {
  return "http://" + receiver_host(receiver) + ":" + std::to_string(port()) + path;
}

Receivers::Received Receivers::received() const {
  const std::string answer = ask(port(), render_request("GET", "/received", "")).body;
  const auto count = [&answer](std::string_view name) {
    return static_cast<std::uint64_t>(integer_member(answer, name));
  };
  return {count("posts"), count("distinct"), count("silent"), static_cast<double>(count("late_p50_us")) / 1000,
          static_cast<double>(count("late_p99_us")) / 1000};
}

void Receivers::forget_received() const {
  ask(port(), render_request("DELETE", "/received", ""));
}

int run_receivers(std::size_t count, std::uint16_t port) {
  std::signal(SIGPIPE, SIG_IGN);
  SystemClock clock;
  SystemRandom random;
  http::ServerSettings settings;
  settings.listeners.push_back({Endpoint{"127.0.0.1", port}, false});
  for (std::size_t i = 0; i < count; ++i) settings.listeners.push_back({Endpoint{receiver_host(i), port}, false});
  settings.drain_on_signals = true;
  settings.deadlines.drain_ms = 100;
  const auto server = must("listening", http::Server::open(std::move(settings), clock, random));
  std::fprintf(stderr, "{\"event\":\"server.listening\",\"port\":%d}\n", int{port});
  const FineClock now;
  Arrivals arrivals;
  server->run([&](http::Request&& request, const http::Reply& reply) {
    if (request.path == "/silent") {
      arrivals.unanswered.push_back(reply);
      return;
    }
    if (request.path == "/received") {
      const std::string text = arrivals.json();
      if (request.method == "DELETE") arrivals = {};
      return reply(http::json_response(200, text));
    }
    arrivals.count(request, now.utc_ms());
    reply(http::json_response(200, "{}"));
  });
  return 0;
}

}  // namespace tally::tools::bench

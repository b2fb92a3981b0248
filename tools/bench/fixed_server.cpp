// The child's side of FixedServer.
#include <csignal>
#include <cstdio>

#include "core/system.h"
#include "http/answers.h"
#include "http/json_writer.h"
#include "http/server.h"
#include "tools/bench/child_server.h"
#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

// One I/O thread, so plain numbers.
struct Tally {
  std::int64_t posts = 0;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;

  void count(std::int64_t now_ns) {
    if (posts++ == 0) first_ns = now_ns;
    last_ns = now_ns;
  }
  std::string json() const {
    std::string text;
    http::JsonWriter out(text);
    out.begin_object().field("posts", posts).field("first_ns", first_ns).field("last_ns", last_ns).end_object();
    return text;
  }
};

}  // namespace

int run_fixed_server(std::size_t body_bytes) {
  std::signal(SIGPIPE, SIG_IGN);
  SystemClock clock;
  SystemRandom random;
  http::ServerSettings settings;
  settings.listeners.push_back({Endpoint{"127.0.0.1", 0}, false});
  settings.drain_on_signals = true;
  const auto server = must("listening", http::Server::open(std::move(settings), clock, random));
  std::fprintf(stderr, "{\"event\":\"server.listening\",\"port\":%d}\n", int{server->port()});
  const std::string body(body_bytes, 'x');
  Tally tally;
  server->run([&](http::Request&& request, const http::Reply& reply) {
    if (request.method == "POST") {
      tally.count(clock.mono().ns);
    } else if (request.path == "/received") {
      if (request.method == "DELETE") tally = {};
      return reply(http::json_response(200, tally.json()));
    }
    reply(http::json_response(200, body));
  });
  return 0;
}

}  // namespace tally::tools::bench

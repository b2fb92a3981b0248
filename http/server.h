// The HTTP/1.1 server: connections, deadlines and bounds. It knows no route; whatever it reads well-formed goes to one
// Handler.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/config.h"
#include "core/result.h"
#include "http/header_check.h"
#include "http/loop.h"
#include "http/request.h"

namespace tally::http {

struct ListenOn {
  Endpoint at;                     // port 0: any free one
  bool operator_listener = false;  // sets Request::operator_listener
};

// How long a connection may take, in ms. Each is armed anew for its phase.
struct Deadlines {
  std::int64_t header_ms =
      10'000;                      // from the first byte of a request to the end of its header, and for a TLS handshake
  std::int64_t body_ms = 30'000;   // for each 16 KiB of a body
  std::int64_t idle_ms = 75'000;   // between requests
  std::int64_t write_ms = 30'000;  // for each step that an answer moves on
  std::int64_t linger_ms = 2'000;  // after the last answer, for the client to read it and close
  std::int64_t drain_ms = 10'000;  // from drain() until what is left is cut off
};

// An answer as it goes out. The views live until the call returns.
struct Answered {
  std::string_view method;  // empty, as is the path, when the request could not be read
  std::string_view path;
  std::string_view request_id;
  std::uint32_t route = 0;  // as in Response
  int status = 0;
  std::size_t body_bytes = 0;
  std::int64_t took_ns = 0;  // from the request's last byte; 0 when it did not come that far
};

struct ServerSettings {
  std::vector<ListenOn> listeners;
  std::uint32_t threads = 1;  // I/O threads, each with its own acceptors (SO_REUSEPORT)
  std::uint32_t connections_max = 20'000;
  std::size_t body_bytes_max = 1 << 20;
  // The limit for one request, told from its header; unset: body_bytes_max for all.
  std::function<std::size_t(const Request& head)> body_limit;
  HeaderBounds header;
  Deadlines deadlines;
  std::int64_t tick_ms = 50;  // the grain of all deadlines and of the Loop's timers
  std::string tls_cert;       // PEM files; both or neither
  std::string tls_key;
  // The body of an answer that the server gives by itself, with the codes malformed_request, header_too_large,
  // target_too_long, unsupported_version, expectation_failed (see http/header_check.h), request_timeout (408),
  // body_too_large (413), overloaded (503), internal_error (500). Unset: no body.
  ErrorBody error_body;
  // Told on an I/O thread when draining begins, to answer long polls and turn /readyz to 503.
  std::function<void()> on_drain;
  // Told of an exception that left a handler (its request answers 500): a bug.
  std::function<void(const std::string& what)> on_exception;
  // Told of every answer on its I/O thread; must not block.
  std::function<void(const Answered&)> on_answer;
  bool drain_on_signals = false;  // SIGTERM and SIGINT drain; a second one cuts off at once
};

// Counters since the start, for /metrics. Each is exact; together they are no snapshot.
struct ServerStats {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // over connections_max
  std::uint64_t requests = 0;             // given to the handler
  std::uint64_t requests_refused = 0;     // answered 4xx by the server itself
  std::uint64_t deadlines_missed = 0;
};

class Server {
 public:
  // Binds and listens; connections wait until run(). Errc::invalid_argument: an address that cannot be bound, or TLS
  // files that cannot be used; the detail names it. `clock` and `random` must outlive the server.
  static Result<std::unique_ptr<Server>> open(ServerSettings settings, Clock& clock, Random& random);
  // Replies that come later are dropped.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The bound port of a listener.
  std::uint16_t port(std::size_t listener = 0) const;
  Loop& loop();
  ServerStats stats() const;

  // Serves until drained; this thread is the first I/O thread. `handler` is called on I/O threads, one request of a
  // connection at a time, and must not block. Requests that are pipelined are answered in order. Call once.
  void run(Handler handler);

  // Stops accepting, closes idle connections, lets requests in flight finish (each answer then closes its connection)
  // and makes run() return, at the latest after drain_ms. Thread-safe; a second call does nothing.
  void drain();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally::http

// The servers that benches talk to, each a process of its own on a free port of the loopback.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/client.h"
#include "tools/bench/options.h"
#include "tools/bench/process.h"
#include "tools/bench/scratch.h"

namespace tally::tools::bench {

// A program that tells its port by a log line `{"event":"server.listening","port":…}`.
class ChildServer {
 public:
  ChildServer(const std::vector<std::string>& arguments, const std::string& log_file);

  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return process_.pid(); }
  void stop() { process_.stop(); }
  void kill_dead() { process_.kill_dead(); }

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

// tallyd over a data directory.
class Tallyd : public ChildServer {
 public:
  Tallyd(const Options& options, const std::string& data, const std::vector<std::string>& flags = {});

  // A call of the operator's API, rendered and made. The second gives up unless it answers `expected`.
  std::string render(std::string_view method, std::string_view path, std::string_view json = {}) const;
  std::string call(std::string_view method, std::string_view path, std::string_view json, int expected) const;
  const std::string& authorization() const noexcept { return authorization_; }  // a header line

 private:
  std::string authorization_;
};

// The server code of http/server.h with a handler that does nothing: what HTTP alone costs. It counts what is POSTed.
// Runs this program again as `fixed-server`.
class FixedServer : public ChildServer {
 public:
  FixedServer(std::size_t body_bytes, const std::string& log_file);

  struct Received {
    std::uint64_t posts = 0;
    double seconds = 0;  // from the first to the last
  };
  Received received() const;
  void forget_received() const;
};
// The child's side: serves until SIGTERM. `body_bytes` of every answer.
int run_fixed_server(std::size_t body_bytes);

// nginx as one process, answering a body of that size from its configuration. Nothing where nginx is not installed.
class Nginx {
 public:
  static std::unique_ptr<Nginx> start(std::size_t body_bytes, const ScratchDirectory& scratch);
  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return process_.pid(); }

 private:
  Nginx(const std::vector<std::string>& arguments, const std::string& log_file, std::uint16_t port);
  Process process_;
  std::uint16_t port_;
};

}  // namespace tally::tools::bench

// Many webhook receivers in one process, some of which never answer.
#pragma once

#include "core/delivery.h"
#include "tools/bench/child_server.h"

namespace tally::tools::bench {

// Receiver i listens on an address of its own. Runs this program again as `receivers`.
class Receivers : public ChildServer {
 public:
  Receivers(std::size_t count, const std::string& log_file);

  std::string answering_url(std::size_t receiver) const { return url(receiver, "/hook"); }
  std::string silent_url(std::size_t receiver) const { return url(receiver, "/silent"); }

  struct Received {
    std::uint64_t posts = 0;     // that were answered
    std::uint64_t distinct = 0;  // by their webhook-id
    std::uint64_t silent = 0;    // POSTs that never are
    double late_p50_ms = 0;      // from the time they were due until they arrived
    double late_p99_ms = 0;
  };
  Received received() const;
  void forget_received() const;

 private:
  std::string url(std::size_t receiver, const std::string& path) const;
};

// A body that tells a receiver when it was due.
std::string body_due_at(UtcTime due, std::size_t bytes);

// The child's side: serves until SIGTERM.
int run_receivers(std::size_t count, std::uint16_t port);

}  // namespace tally::tools::bench

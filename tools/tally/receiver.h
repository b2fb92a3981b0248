// `tally listen`: what a webhook receiver does with each delivery.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "http/request.h"
#include "tools/tally/session.h"

namespace tally::tools {

struct ListenOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 9000;
  std::string secret;       // "whsec_…"; empty: signatures are not judged
  std::uint64_t count = 0;  // end after so many deliveries; 0: never
  std::uint64_t fail = 0;   // answer 500 to the first so many, to see the retries
};

// Prints each POST on the session's `out`: when, which id, what happened, whether the signature is right and if not
// why, and the body; with --json one object a line. Answers 204, 401 to a wrong signature, 500 while `fail` lasts, 405
// to other methods. Thread-safe.
class Receiver {
 public:
  // `done` is called once, after the answer to the last delivery of `count` was given.
  Receiver(Session& session, ListenOptions options, std::function<void()> done);
  void handle(const http::Request& request, const http::Reply& reply);
  // A signature was wrong.
  bool refused_any() const;

 private:
  struct Judged {
    std::string id;
    bool verified = false;
    std::string reason;  // why it is not
    bool again = false;  // the id was here before
    int status = 204;    // of our answer
  };
  Judged judge(const http::Request& request);
  void print_people(const http::Request& request, const Judged& judged);
  void print_machine(const http::Request& request, const Judged& judged);

  Session& session_;
  const ListenOptions options_;
  const std::function<void()> done_;
  mutable std::mutex mutex_;
  std::set<std::string> seen_;  // the latest ids, at most `ids_max`
  std::uint64_t deliveries_ = 0;
  bool refused_any_ = false;
};

// Serves until a signal or `count`; the exit code.
int listen(Session& session, const ListenOptions& options);

}  // namespace tally::tools

// A server on a free port of the loopback with a clock moved by hand and a handler that tells what it got.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/manual.h"
#include "http/server.h"
#include "tests/http/test_client.h"

namespace tally::http {

// Paths: /later keeps its Reply until answer_later(), /drop drops it, /throw throws, /big answers 4 MiB, /close closes,
// /bad-field tries to smuggle a header; everything else answers "METHOD path body".
class TestServer {
 public:
  // `settings` may lack listeners and tick; they are added.
  explicit TestServer(ServerSettings settings = {});
  ~TestServer();

  std::uint16_t port(std::size_t listener = 0) const { return server_->port(listener); }
  Server& server() { return *server_; }
  ManualClock& clock() { return clock_; }

  // Moves the clock in steps of `step_ms` until the client has something to read; false if it never has.
  bool advance_until_readable(TestClient& client, std::int64_t step_ms);
  void wait_for_later(std::size_t count);  // until so many requests to /later are waiting
  Reply take_later();                      // the oldest of them
  void answer_later(std::string body);     // answers it, from this thread
  void join();                             // until run() has returned
  std::vector<Request> requests();         // those the handler has seen

 private:
  void handle(Request&& request, Reply reply);

  ManualClock clock_;
  SeededRandom random_{7};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Reply> later_;
  std::vector<Request> requests_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace tally::http

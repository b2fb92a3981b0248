// A load generator's HTTP client: many keep-alive connections, one thread, requests rendered beforehand. It costs the
// machine as little as it can, because the server shares the cores with it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tally::tools::bench {

// A request's bytes. `headers` are complete lines, each with its CRLF.
std::string render_request(std::string_view method, std::string_view target, std::string_view headers,
                           std::string_view body = {}, std::string_view content_type = "application/json");

// Reads answers by their Content-Length only. Whatever else happens (a closed connection, a chunked answer, more bytes
// than announced) throws std::runtime_error, as does a connection that answers nothing for a minute.
class Client {
 public:
  // The body lives until the call returns. May send on that connection again.
  using OnAnswer = std::function<void(std::size_t connection, int status, std::string_view body)>;

  Client(std::uint16_t port, std::size_t connections, OnAnswer on_answer);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `request` must live until it is answered, and the connection have no other under way.
  void send(std::size_t connection, std::string_view request);
  // Handles what is ready, waiting for it at most so long; answers whether there was anything.
  bool poll(std::int64_t wait_ns);
  std::size_t in_flight() const noexcept { return in_flight_; }
  std::size_t connections() const noexcept { return connections_.size(); }

 private:
  struct Connection {
    int fd = -1;
    std::string_view unsent;
    bool watches_writing = false;
    std::vector<char> in;
    std::size_t received = 0;
    std::size_t head_bytes = 0;  // 0: the header is not complete
    std::size_t body_bytes = 0;
    int status = 0;
  };
  void write(std::size_t index);
  void read(std::size_t index);
  void watch(std::size_t index, bool writing);

  int epoll_ = -1;
  std::vector<Connection> connections_;
  OnAnswer on_answer_;
  std::size_t in_flight_ = 0;
  std::int64_t silent_ns_ = 0;
};

// Keeps every connection busy with what `next` gives, until it gives an empty view; then waits for the answers that
// are due. Answers the seconds that all took.
double run_closed_loop(std::uint16_t port, std::size_t connections, const std::function<std::string_view()>& next,
                       const std::function<void(int status, std::string_view body)>& on_answer);

struct Answer {
  int status = 0;
  std::string body;
};
// One request on a connection of its own.
Answer ask(std::uint16_t port, std::string_view request);

}  // namespace tally::tools::bench

// A client over a real socket that sends exactly the bytes it is told, for tests of the server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tally::http {

class TestClient {
 public:
  explicit TestClient(std::uint16_t port);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes);
  // The next answer: header and body by Content-Length. Empty when the server closed instead.
  std::string receive();
  // As receive(), for an answer without a body although it has a Content-Length (to HEAD), or an interim one.
  std::string receive_head();
  // Everything up to `mark`, with it; less when the server closed before.
  std::string receive_until(std::string_view mark);
  // Everything until the server closes.
  std::string receive_all();
  // True once the server has closed and nothing is left to read.
  bool closed();
  // True if a byte or the end can be read within `ms`.
  bool readable(int ms);
  // Sends and returns what comes back.
  std::string ask(std::string_view bytes);
  void shutdown_send();
  int fd() const noexcept { return fd_; }

 private:
  bool fill();  // false: end of stream
  int fd_;
  std::string buffer_;
};

// The value of a field in an answer's header, or "".
std::string field_of(std::string_view response, std::string_view name);
std::string body_of(std::string_view response);
int status_of_response(std::string_view response);

}  // namespace tally::http

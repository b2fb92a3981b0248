#include "tests/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace tally::http {
namespace {

constexpr int patience_ms = 20'000;  // a test that waits this long has failed

}  // namespace

TestClient::TestClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("cannot connect");
}

TestClient::~TestClient() {
  ::close(fd_);
}

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server has closed: what it said is still to be read
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool TestClient::readable(int ms) {
  pollfd wait{fd_, POLLIN, 0};
  return !buffer_.empty() || ::poll(&wait, 1, ms) > 0;
}

bool TestClient::fill() {
  pollfd wait{fd_, POLLIN, 0};
  if (::poll(&wait, 1, patience_ms) <= 0) throw std::runtime_error("the server does not answer");
  std::array<char, 65536> bytes{};
  const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  return true;
}

std::string TestClient::receive_head() {
  while (buffer_.find("\r\n\r\n") == std::string::npos)
    if (!fill()) return "";
  const std::size_t end = buffer_.find("\r\n\r\n") + 4;
  std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end);
  return head;
}

std::string TestClient::receive() {
  std::string response = receive_head();
  const std::string length = field_of(response, "Content-Length");
  const std::size_t size = length.empty() ? 0 : std::stoul(length);
  while (buffer_.size() < size)
    if (!fill()) throw std::runtime_error("the answer is cut off");
  response += buffer_.substr(0, size);
  buffer_.erase(0, size);
  return response;
}

std::string TestClient::receive_until(std::string_view mark) {
  while (buffer_.find(mark) == std::string::npos)
    if (!fill()) return std::exchange(buffer_, {});
  const std::size_t end = buffer_.find(mark) + mark.size();
  std::string got = buffer_.substr(0, end);
  buffer_.erase(0, end);
  return got;
}

std::string TestClient::receive_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool TestClient::closed() {
  return buffer_.empty() && !fill();
}

std::string TestClient::ask(std::string_view bytes) {
  send(bytes);
  return receive();
}

void TestClient::shutdown_send() {
  ::shutdown(fd_, SHUT_WR);
}

std::string field_of(std::string_view response, std::string_view name) {
  const std::string mark = "\r\n" + std::string(name) + ": ";
  const std::size_t at = response.find(mark);
  if (at == std::string_view::npos || at > response.find("\r\n\r\n")) return "";
  const std::size_t begin = at + mark.size();
  return std::string(response.substr(begin, response.find("\r\n", begin) - begin));
}

std::string body_of(std::string_view response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(response.substr(end + 4));
}

int status_of_response(std::string_view response) {
  return response.starts_with("HTTP/1.1 ") ? std::stoi(std::string(response.substr(9, 3))) : 0;
}

}  // namespace tally::http

#include "tools/bench/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

constexpr std::size_t buffer_bytes = 16 * 1024;
constexpr std::int64_t patience_ns = 60'000'000'000;

[[noreturn]] void give_up_errno(const std::string& what) {
  give_up(what + ": " + std::strerror(errno));
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up_errno("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    give_up_errno("connecting to port " + std::to_string(port));
  }
  return fd;
}

// The value of Content-Length in a complete header.
std::optional<std::size_t> content_length(std::string_view head) {
  constexpr std::string_view name = "content-length:";
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
    std::string_view field = head.substr(line + 2);
    if (field.size() < name.size() || ::strncasecmp(field.data(), name.data(), name.size()) != 0) continue;
    field.remove_prefix(name.size());
    while (field.starts_with(' ')) field.remove_prefix(1);
    std::size_t bytes = 0;
    if (std::from_chars(field.data(), field.data() + field.size(), bytes).ec != std::errc()) return std::nullopt;
    return bytes;
  }
  return std::nullopt;
}

int status_of(std::string_view head) {
  int status = 0;
  if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status);
  return status;
}

}  // namespace

std::string render_request(std::string_view method, std::string_view target, std::string_view headers,
                           std::string_view body, std::string_view content_type) {
  std::string bytes;
  bytes.reserve(256 + body.size());
  bytes.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n").append(headers);
  if (!body.empty()) {
    bytes.append("Content-Type: ").append(content_type);
    bytes.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  return bytes.append("\r\n").append(body);
}

Client::Client(std::uint16_t port, std::size_t connections, OnAnswer on_answer) : on_answer_(std::move(on_answer)) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) give_up_errno("epoll");
  connections_.resize(connections);
  for (std::size_t i = 0; i < connections; ++i) {
    connections_[i].fd = connect_to(port);
    connections_[i].in.resize(buffer_bytes);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].fd, &event) != 0) give_up_errno("epoll");
  }
}

Client::~Client() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) ::close(connection.fd);
  }
  ::close(epoll_);
}

void Client::send(std::size_t connection, std::string_view request) {
  if (request.empty() || !connections_[connection].unsent.empty()) give_up("a connection was given two requests");
  connections_[connection].unsent = request;
  ++in_flight_;
  write(connection);
}

void Client::write(std::size_t index) {
  Connection& connection = connections_[index];
  while (!connection.unsent.empty()) {
    const ssize_t sent =
        ::send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return watch(index, true);
    if (sent < 0) give_up_errno("sending a request");
    connection.unsent.remove_prefix(static_cast<std::size_t>(sent));
  }
  watch(index, false);
}

void Client::watch(std::size_t index, bool writing) {
  Connection& connection = connections_[index];
  if (connection.watches_writing == writing) return;
  connection.watches_writing = writing;
  epoll_event event{};
  event.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = index;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) != 0) give_up_errno("epoll");
}

void Client::read(std::size_t index) {
  Connection& connection = connections_[index];
  if (connection.received == connection.in.size()) connection.in.resize(connection.in.size() * 2);
  const ssize_t got = ::recv(connection.fd, connection.in.data() + connection.received,
                             connection.in.size() - connection.received, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) give_up_errno("reading an answer");
  if (got == 0) give_up("the server closed a connection");
  connection.received += static_cast<std::size_t>(got);
  const std::string_view all(connection.in.data(), connection.received);
  if (connection.head_bytes == 0) {
    const std::size_t end = all.find("\r\n\r\n");
    if (end == std::string_view::npos) return;
    const std::string_view head = all.substr(0, end + 4);
    const auto body_bytes = content_length(head);
    if (!body_bytes) give_up("an answer without Content-Length: " + std::string(head));
    connection.status = status_of(head);
    connection.head_bytes = head.size();
    connection.body_bytes = *body_bytes;
  }
  const std::size_t expected = connection.head_bytes + connection.body_bytes;
  if (all.size() > expected) give_up("an answer is longer than it says: " + std::string(all));
  if (all.size() < expected) return;
  const std::string_view body = all.substr(connection.head_bytes);
  connection.received = connection.head_bytes = 0;
  --in_flight_;
  on_answer_(index, connection.status, body);
}

bool Client::poll(std::int64_t wait_ns) {
  std::array<epoll_event, 64> events;
  timespec wait{};
  wait.tv_sec = wait_ns / 1'000'000'000;
  wait.tv_nsec = wait_ns % 1'000'000'000;
  const int ready = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
  if (ready < 0 && errno != EINTR) give_up_errno("epoll");
  if (ready <= 0) {
    silent_ns_ += wait_ns;
    if (in_flight_ > 0 && silent_ns_ > patience_ns) give_up("the server does not answer");
    return false;
  }
  silent_ns_ = 0;
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if ((event.events & EPOLLOUT) != 0) write(event.data.u64);
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(event.data.u64);
  }
  return true;
}

double run_closed_loop(std::uint16_t port, std::size_t connections, const std::function<std::string_view()>& next,
                       const std::function<void(int status, std::string_view body)>& on_answer) {
  Client* sender = nullptr;
  Client client(port, connections, [&](std::size_t connection, int status, std::string_view body) {
    on_answer(status, body);
    if (const std::string_view request = next(); !request.empty()) sender->send(connection, request);
  });
  sender = &client;
  const Stopwatch watch;
  for (std::size_t i = 0; i < connections; ++i) {
    const std::string_view request = next();
    if (request.empty()) break;
    client.send(i, request);
  }
  while (client.in_flight() > 0) client.poll(1'000'000'000);
  return watch.seconds();
}

Answer ask(std::uint16_t port, std::string_view request) {
  Answer answer;
  Client client(port, 1, [&](std::size_t, int status, std::string_view body) {
    answer.status = status;
    answer.body = body;
  });
  client.send(0, request);
  while (client.in_flight() > 0) client.poll(1'000'000'000);
  return answer;
}

}  // namespace tally::tools::bench

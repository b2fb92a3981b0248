#include "tests/webhook/receiver.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace tally::webhook::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Answer {
  std::string bytes;
  bool close = false;
  bool more = true;  // reads another request after it
};

std::string response(int status, const std::string& fields, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

Answer answer_to(const std::string& path) {
  const auto after = [&](const std::string& prefix) -> std::optional<std::string> {
    if (!path.starts_with(prefix)) return std::nullopt;
    return path.substr(prefix.size());
  };
  if (const auto status = after("/status/")) {
    const int code = std::stoi(*status);
    if (code == 204) return {"HTTP/1.1 204 X\r\n\r\n"};
    return {response(code, "", "{}")};
  }
  if (const auto reference = after("/paid/")) return {response(200, "", R"({"reference":")" + *reference + R"("})")};
  if (auto value = after("/retry/")) {
    for (char& c : *value) {
      if (c == '_') c = ' ';
    }
    return {response(503, "Retry-After: " + *value + "\r\n", "")};
  }
  if (path == "/redirect") return {response(302, "Location: /status/200\r\n", "")};
  if (path == "/long") return {response(200, "", std::string(1 << 20, 'x'))};
  if (path == "/long500") return {response(500, "", std::string(1 << 20, 'x'))};
  if (path == "/stall") return {"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf", false, false};
  if (path == "/continue") return {"HTTP/1.1 100 Continue\r\n\r\n", false, false};
  if (path == "/garbage") return {"220 mail.example ESMTP\r\n", true};
  if (path == "/reset") return {"", true};
  return {"", false, false};
}

std::size_t length_in(const std::string& head) {
  constexpr std::string_view name = "Content-Length: ";
  const std::size_t at = head.find(name);
  std::size_t length = 0;
  if (at != std::string::npos) std::from_chars(head.data() + at + name.size(), head.data() + head.size(), length);
  return length;
}

using Report = std::function<void(Receiver::Seen)>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Report report) : socket_(std::move(socket)), report_(std::move(report)) {}

  void read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(buffer_), "\r\n\r\n",
                           [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
                             if (!error) self->read_body(size);
                           });
  }

 private:
  void read_body(std::size_t head_size) {
    seen_.head = buffer_.substr(0, head_size);
    buffer_.erase(0, head_size);
    const std::size_t length = length_in(seen_.head);
    const std::size_t missing = length > buffer_.size() ? length - buffer_.size() : 0;
    asio::async_read(socket_, asio::dynamic_buffer(buffer_), asio::transfer_exactly(missing),
                     [self = shared_from_this(), length](const boost::system::error_code& error, std::size_t) {
                       if (!error) self->answer(length);
                     });
  }

  void answer(std::size_t body_size) {
    seen_.body = buffer_.substr(0, body_size);
    buffer_.erase(0, body_size);
    const std::size_t path = seen_.head.find(' ') + 1;
    answer_ = answer_to(seen_.head.substr(path, seen_.head.find(' ', path) - path));
    report_(std::move(seen_));
    asio::async_write(socket_, asio::buffer(answer_.bytes),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        if (error || self->answer_.close) return;
                        if (self->answer_.more) return self->read();
                        self->wait_for_end();
                      });
  }

  // Keeps the connection open until the peer closes it.
  void wait_for_end() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code&) {});
  }

  tcp::socket socket_;
  Report report_;
  std::string buffer_;
  Receiver::Seen seen_;
  Answer answer_;
};

}  // namespace

class Receiver::Server {
 public:
  Server() : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Server() {
    io_.stop();
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::vector<Seen> seen() const {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }
  std::size_t connections() const {
    const std::scoped_lock lock(mutex_);
    return connections_;
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      {
        const std::scoped_lock lock(mutex_);
        ++connections_;
      }
      const auto report = [this](Seen seen) {
        const std::scoped_lock lock(mutex_);
        seen_.push_back(std::move(seen));
      };
      std::make_shared<Session>(std::move(socket), report)->read();
      accept();
    });
  }

  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::size_t connections_ = 0;
  std::thread thread_;
};

Receiver::Receiver() : server_(std::make_unique<Server>()) {}
Receiver::~Receiver() = default;
std::uint16_t Receiver::port() const {
  return server_->port();
}
std::string Receiver::url(const std::string& path, const std::string& host) const {
  return "http://" + host + ":" + std::to_string(port()) + path;
}
std::vector<Receiver::Seen> Receiver::seen() const {
  return server_->seen();
}
std::size_t Receiver::connections() const {
  return server_->connections();
}

}  // namespace tally::webhook::test

// One I/O thread of the server: its event loop, its connections, its clock. Internal to http/server*.cpp.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "http/server.h"
#include "http/timer_wheel.h"

namespace tally::http {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using ErrorCode = boost::system::error_code;

// What all threads share. Constant while serving, apart from the counters.
struct ServerContext {
  ServerSettings settings;
  Clock& clock;
  Random& random;
  Handler handler;
  std::atomic<bool> draining = false;
  struct {
    std::atomic<std::uint64_t> open{0}, accepted{0}, over_limit{0}, requests{0}, refused{0}, deadlines{0};
  } count;
};

class SessionBase {
 public:
  virtual ~SessionBase() = default;
  virtual void start() = 0;
  // Answers the connection with 503 and closes it.
  virtual void start_refused() = 0;
  // The answer to the request in flight; ignored once the connection is gone.
  virtual void answer(Response&& response) = 0;
  // Closes if no request is in flight.
  virtual void drain() = 0;
  virtual void abort() = 0;
};

// Where answers from other threads wait; many that come together wake the loop once. It outlives its thread, so that a
// late reply finds it closed rather than gone.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  explicit Mailbox(asio::io_context& context) : context_(&context) {}
  void put(std::weak_ptr<SessionBase> to, Response&& response);
  void put(std::function<void()> work);
  void close();

 private:
  struct Letter {
    std::weak_ptr<SessionBase> to;
    Response response;
    std::function<void()> work;
  };
  void put(Letter&& letter);
  void deliver();

  std::mutex mutex_;
  asio::io_context* context_;  // nullptr once closed
  std::vector<Letter> letters_;
};

class IoThread {
 public:
  IoThread(ServerContext& shared, std::function<void()> on_tick);
  ~IoThread();

  // The one that runs on the calling thread, or nullptr.
  static IoThread* current() noexcept;

  void run();
  void stop();  // thread-safe; run() returns

  void add(std::shared_ptr<SessionBase> session);
  void remove(const std::shared_ptr<SessionBase>& session);
  std::size_t sessions() const noexcept { return sessions_.size(); }
  void drain();  // tells every session
  void abort();

  // Deadlines count from the last tick: coarse, and free.
  void arm(TimerWheel::Timer& timer, std::int64_t ms);
  void disarm(TimerWheel::Timer& timer) noexcept { wheel_.cancel(timer); }
  // The present as an HTTP date, formatted once a second.
  std::string_view date(UtcTime now);
  const std::shared_ptr<Mailbox>& mailbox() const noexcept { return mailbox_; }
  asio::io_context& context() noexcept { return context_; }

  // Memory of read buffers goes from connections that wait for an answer to those that read: thousands may wait, and
  // freed pieces of this size among their other memory would not be found again.
  void keep_spare(std::string memory);
  std::string take_spare();  // empty: there is none

  ServerContext& shared;

 private:
  void tick();

  std::function<void()> on_tick_;
  std::int64_t now_ms_;
  TimerWheel wheel_;
  std::int64_t date_second_ = -1;
  std::string date_;
  std::vector<std::string> spares_;
  std::unordered_set<std::shared_ptr<SessionBase>> sessions_;
  asio::io_context context_{1};
  asio::steady_timer ticker_{context_};
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(context_);
};

}  // namespace tally::http

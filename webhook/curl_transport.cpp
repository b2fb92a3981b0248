#include "webhook/curl_transport.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/attempt_log.h"
#include "webhook/target.h"

namespace tally::webhook {
namespace {

namespace asio = boost::asio;

constexpr long connect_timeout_ms_max = 10'000;
// libcurl's timers run at most this late. Its next deadline moves with almost every transfer; following it exactly
// would re-arm a timer each time.
constexpr long tick_ms_max = 250;

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) throw std::logic_error("libcurl refuses an option");
}

template <class Value>
void set(CURLM* multi, CURLMoption option, Value value) {
  if (curl_multi_setopt(multi, option, value) != CURLM_OK) throw std::logic_error("libcurl refuses a multi option");
}

std::optional<IpAddress> address_of(const curl_sockaddr& address) {
  if (address.family == AF_INET && address.addrlen >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.addr, sizeof v4);
    return IpAddress::from_v4(ntohl(v4.sin_addr.s_addr));
  }
  // struct curl_sockaddr declares `addr` as a plain sockaddr, but an IPv6 one lies behind it.
  if (address.family == AF_INET6 && address.addrlen >= sizeof(sockaddr_in6)) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), reinterpret_cast<const char*>(&address.addr) + offsetof(sockaddr_in6, sin6_addr),
                bytes.size());
    return IpAddress::from_v6(bytes);
  }
  return std::nullopt;
}

// A socket that libcurl may want watched. Its waits are left standing when libcurl loses interest for a while, as it
// does after each response on a kept-alive connection.
struct Socket {
  Socket(asio::io_context& io, curl_socket_t fd, bool is_connection) : descriptor(io, fd), connection(is_connection) {}
  asio::posix::stream_descriptor descriptor;
  int wanted = CURL_POLL_REMOVE;
  bool reading = false;
  bool writing = false;
  bool connection;  // opened and closed by Sockets; else one of libcurl's own, which it closes after CURL_POLL_REMOVE
};
using SocketPtr = std::shared_ptr<Socket>;

class Sockets {
 public:
  Sockets(asio::io_context& io, const WebhookSettings& settings) : io_(io), policy_(settings) {}

  // CURL_SOCKET_BAD when the policy forbids the address or the system has no socket left; `forbidden` tells which.
  curl_socket_t open(curlsocktype purpose, const curl_sockaddr& address, bool& forbidden) {
    const auto ip = address_of(address);
    forbidden = purpose != CURLSOCKTYPE_IPCXN || !ip || !policy_.may_connect(*ip);
    if (forbidden) return CURL_SOCKET_BAD;
    const int fd = ::socket(address.family, address.socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.protocol);
    if (fd >= 0) all_[fd] = std::make_shared<Socket>(io_, fd, true);
    return fd;
  }

  const SocketPtr& get(curl_socket_t fd) {
    auto found = all_.find(fd);
    if (found == all_.end()) found = all_.emplace(fd, std::make_shared<Socket>(io_, fd, false)).first;
    return found->second;
  }

  void lose_interest(curl_socket_t fd) {
    const auto found = all_.find(fd);
    if (found == all_.end()) return;
    found->second->wanted = CURL_POLL_REMOVE;
    if (!found->second->connection) forget(fd);
  }

  void forget(curl_socket_t fd) {
    const auto found = all_.find(fd);
    if (found == all_.end()) return;
    found->second->wanted = CURL_POLL_REMOVE;
    found->second->descriptor.release();
    all_.erase(found);
  }

 private:
  asio::io_context& io_;
  TargetPolicy policy_;
  std::unordered_map<curl_socket_t, SocketPtr> all_;
};

// An easy handle with its header list, reused from attempt to attempt.
struct Transfer {
  CURL* easy = nullptr;
  Sockets* sockets = nullptr;
  std::size_t response_bytes_max = 0;

  Attempt attempt;
  Transport::Done done;
  std::size_t response_bytes = 0;
  bool address_allowed = false;
  bool address_forbidden = false;
  std::string response_body;

  // Header lines that change with the attempt; `list` points into them.
  std::array<std::string, 4> lines;
  std::array<char, 32> content_type{"Content-Type: application/json"};
  std::array<char, 8> no_expect{"Expect:"};
  std::array<curl_slist, 6> list{};

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { curl_easy_cleanup(easy); }

  void load();
};

void Transfer::load() {
  lines[0] = "webhook-id: " + attempt.headers.id;
  lines[1] = "webhook-timestamp: " + attempt.headers.timestamp;
  lines[2] = "webhook-signature: " + attempt.headers.signature;
  lines[3] = "Idempotency-Key: " + attempt.idempotency_key;
  const std::array<char*, 6> data = {content_type.data(), no_expect.data(), lines[0].data(),
                                     lines[1].data(),     lines[2].data(),  lines[3].data()};
  const std::size_t count = list.size() - (attempt.idempotency_key.empty() ? 1 : 0);
  for (std::size_t i = 0; i < count; ++i) list[i] = {data[i], i + 1 < count ? &list[i + 1] : nullptr};
  response_bytes = 0;
  response_body.clear();
  address_allowed = address_forbidden = false;
  set(easy, CURLOPT_URL, attempt.url.c_str());
  set(easy, CURLOPT_POSTFIELDS, attempt.body.data());
  set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(attempt.body.size()));
}

std::size_t count_response(char*, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.response_bytes += size * count;
  return transfer.response_bytes <= transfer.response_bytes_max ? size * count : 0;
}

std::size_t take_response(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t kept_max = transfer.attempt.keep_response ? response_body_bytes_max : attempt_response_bytes_max;
  transfer.response_body.append(bytes, std::min(size * count, kept_max - transfer.response_body.size()));
  return count_response(bytes, size, count, user);
}

curl_socket_t open_socket(void* user, curlsocktype purpose, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  bool forbidden = false;
  const curl_socket_t fd = transfer.sockets->open(purpose, *address, forbidden);
  (forbidden ? transfer.address_forbidden : transfer.address_allowed) = true;
  return fd;
}

int close_socket(void* user, curl_socket_t fd) {
  static_cast<Sockets*>(user)->forget(fd);
  return ::close(fd);
}

AttemptOutcome outcome_of(Transfer& transfer, CURLcode code) {
  AttemptOutcome outcome;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  outcome.status = status >= 200 ? static_cast<int>(status) : 0;
  outcome.body = std::move(transfer.response_body);
  curl_off_t took_us = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_TOTAL_TIME_T, &took_us);
  outcome.took_ms = took_us / 1000;
  if (status >= 200 && status <= 299) return outcome;
  if (status >= 200) {
    outcome.error = "the receiver answered " + std::to_string(status);
    curl_off_t wait = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RETRY_AFTER, &wait);
    outcome.retry_after_seconds = std::max<curl_off_t>(wait, 0);
    return outcome;
  }
  outcome.permanent = transfer.address_forbidden && !transfer.address_allowed;
  outcome.error = outcome.permanent ? "the receiver's address is not allowed" : curl_easy_strerror(code);
  if (code == CURLE_OK) outcome.error = "no final response";
  return outcome;
}

void init_libcurl_once() {
  static const bool ok = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
  if (!ok) throw std::runtime_error("libcurl cannot start");
}

}  // namespace

// All members except `incoming_` belong to the loop's thread.
class CurlTransport::Loop {
 public:
  explicit Loop(const WebhookSettings& settings);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void send(Attempt attempt, Done done);

 private:
  void run();
  void start_incoming();
  Transfer& free_transfer();
  std::unique_ptr<Transfer> make_transfer();

  void on_socket_interest(curl_socket_t fd, int what);
  void on_timer_request(long ms);
  void arm(long ms);
  void run_timers();
  void watch(const SocketPtr& socket);
  void on_ready(const SocketPtr& socket, int event);
  void finish_transfers();

  WebhookSettings settings_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::steady_timer timer_{io_};
  long armed_ms_ = -1;   // what the timer was last set to; -1: it is not running
  long wanted_ms_ = -1;  // what libcurl asked for last; -1: nothing
  bool timers_posted_ = false;
  CURLM* multi_ = nullptr;
  Sockets sockets_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> free_;

  std::mutex mutex_;
  std::vector<std::pair<Attempt, Done>> incoming_;
  std::thread thread_;
};

CurlTransport::Loop::Loop(const WebhookSettings& settings) : settings_(settings), sockets_(io_, settings) {
  init_libcurl_once();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw std::runtime_error("libcurl cannot start");
  // Idle ones and those in use: as many may be in use for attempts that are overdue.
  set(multi_, CURLMOPT_MAXCONNECTS, 2 * static_cast<long>(settings_.concurrent_total));
  using Interest = int (*)(CURL*, curl_socket_t, int, void*, void*);
  set(multi_, CURLMOPT_SOCKETFUNCTION, static_cast<Interest>([](CURL*, curl_socket_t fd, int what, void* user, void*) {
        static_cast<Loop*>(user)->on_socket_interest(fd, what);
        return 0;
      }));
  set(multi_, CURLMOPT_SOCKETDATA, this);
  using TimerRequest = int (*)(CURLM*, long, void*);
  set(multi_, CURLMOPT_TIMERFUNCTION, static_cast<TimerRequest>([](CURLM*, long ms, void* user) {
        static_cast<Loop*>(user)->on_timer_request(ms);
        return 0;
      }));
  set(multi_, CURLMOPT_TIMERDATA, this);
  thread_ = std::thread([this] { run(); });
}

CurlTransport::Loop::~Loop() {
  io_.stop();
  thread_.join();
  for (const auto& transfer : transfers_) curl_multi_remove_handle(multi_, transfer->easy);
  transfers_.clear();
  curl_multi_cleanup(multi_);
}

void CurlTransport::Loop::run() {
  // With NOSIGNAL libcurl leaves SIGPIPE to us, and OpenSSL writes without MSG_NOSIGNAL. It is raised in the writing
  // thread.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  io_.run();
}

void CurlTransport::Loop::send(Attempt attempt, Done done) {
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = incoming_.empty();
    incoming_.emplace_back(std::move(attempt), std::move(done));
  }
  // One wake-up serves all that comes until the loop looks.
  if (first) asio::post(io_, [this] { start_incoming(); });
}

void CurlTransport::Loop::start_incoming() {
  std::vector<std::pair<Attempt, Done>> incoming;
  {
    const std::scoped_lock lock(mutex_);
    incoming.swap(incoming_);
  }
  for (auto& [attempt, done] : incoming) {
    Transfer& transfer = free_transfer();
    transfer.attempt = std::move(attempt);
    transfer.done = std::move(done);
    transfer.load();
    curl_multi_add_handle(multi_, transfer.easy);
  }
}

Transfer& CurlTransport::Loop::free_transfer() {
  if (free_.empty()) {
    transfers_.push_back(make_transfer());
    free_.push_back(transfers_.back().get());
  }
  Transfer& transfer = *free_.back();
  free_.pop_back();
  return transfer;
}

std::unique_ptr<Transfer> CurlTransport::Loop::make_transfer() {
  auto transfer = std::make_unique<Transfer>();
  transfer->sockets = &sockets_;
  transfer->response_bytes_max = settings_.response_bytes_max;
  CURL* easy = transfer->easy = curl_easy_init();
  if (easy == nullptr) throw std::bad_alloc();
  const long timeout_ms = static_cast<long>(settings_.timeout_seconds * 1000);
  set(easy, CURLOPT_PRIVATE, transfer.get());
  set(easy, CURLOPT_POST, 1L);
  set(easy, CURLOPT_HTTPHEADER, transfer->list.data());
  set(easy, CURLOPT_USERAGENT, delivery_user_agent);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_NOPROXY, "*");
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!settings_.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, settings_.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, nullptr);
  }
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout_ms, connect_timeout_ms_max));
  // Else a timed-out transfer waits here, blocking all others, until the system's resolver gives up on the name.
  set(easy, CURLOPT_QUICK_EXIT, 1L);

  using Body = std::size_t (*)(char*, std::size_t, std::size_t, void*);
  set(easy, CURLOPT_WRITEFUNCTION, static_cast<Body>(take_response));
  set(easy, CURLOPT_WRITEDATA, transfer.get());
  set(easy, CURLOPT_HEADERFUNCTION, static_cast<Body>(count_response));
  set(easy, CURLOPT_HEADERDATA, transfer.get());

  using Open = curl_socket_t (*)(void*, curlsocktype, curl_sockaddr*);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, static_cast<Open>(open_socket));
  set(easy, CURLOPT_OPENSOCKETDATA, transfer.get());
  // A connection outlives the transfer that opened it.
  using Close = int (*)(void*, curl_socket_t);
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, static_cast<Close>(close_socket));
  set(easy, CURLOPT_CLOSESOCKETDATA, &sockets_);
  return transfer;
}

void CurlTransport::Loop::on_socket_interest(curl_socket_t fd, int what) {
  if (what == CURL_POLL_REMOVE) return sockets_.lose_interest(fd);
  const SocketPtr& socket = sockets_.get(fd);
  socket->wanted = what;
  watch(socket);
}

void CurlTransport::Loop::watch(const SocketPtr& socket) {
  using Descriptor = asio::posix::stream_descriptor;
  if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->reading) {
    socket->reading = true;
    socket->descriptor.async_wait(Descriptor::wait_read, [this, socket](const boost::system::error_code& error) {
      socket->reading = false;
      if (!error) on_ready(socket, CURL_CSELECT_IN);
    });
  }
  if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) {
    socket->writing = true;
    socket->descriptor.async_wait(Descriptor::wait_write, [this, socket](const boost::system::error_code& error) {
      socket->writing = false;
      if (!error) on_ready(socket, CURL_CSELECT_OUT);
    });
  }
}

void CurlTransport::Loop::on_ready(const SocketPtr& socket, int event) {
  if (!socket->descriptor.is_open() || (socket->wanted & event) == 0) return;
  int running = 0;
  curl_multi_socket_action(multi_, socket->descriptor.native_handle(), event, &running);
  finish_transfers();
  if (socket->descriptor.is_open()) watch(socket);
}

void CurlTransport::Loop::on_timer_request(long ms) {
  if (ms == 0) {
    // Not from here: libcurl must not be entered from its own callback.
    if (!std::exchange(timers_posted_, true)) {
      asio::post(io_, [this] {
        timers_posted_ = false;
        run_timers();
      });
    }
    return;
  }
  wanted_ms_ = ms < 0 ? -1 : std::min(ms, tick_ms_max);
  if (wanted_ms_ > 0 && (armed_ms_ < 0 || wanted_ms_ < armed_ms_)) arm(wanted_ms_);
}

void CurlTransport::Loop::arm(long ms) {
  armed_ms_ = ms;
  timer_.expires_after(std::chrono::milliseconds(ms));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    armed_ms_ = -1;
    run_timers();
    if (wanted_ms_ > 0 && armed_ms_ < 0) arm(wanted_ms_);
  });
}

void CurlTransport::Loop::run_timers() {
  int running = 0;
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  finish_transfers();
}

void CurlTransport::Loop::finish_transfers() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // `message` dies with remove_handle
    void* user = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    auto& transfer = *static_cast<Transfer*>(user);
    AttemptOutcome outcome = outcome_of(transfer, code);
    curl_multi_remove_handle(multi_, transfer.easy);
    transfer.attempt = {};
    const Done done = std::exchange(transfer.done, nullptr);
    free_.push_back(&transfer);
    done(std::move(outcome));
  }
}

CurlTransport::CurlTransport(const WebhookSettings& settings) : loop_(std::make_unique<Loop>(settings)) {}
CurlTransport::~CurlTransport() = default;

void CurlTransport::send(Attempt attempt, Done done) {
  loop_->send(std::move(attempt), std::move(done));
}

}  // namespace tally::webhook

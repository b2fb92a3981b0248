#include "http/server.h"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cassert>
#include <csignal>
#include <deque>
#include <optional>
#include <thread>

#include "http/server_io.h"
#include "http/server_session.h"
#include "http/waiters.h"

namespace tally::http {
namespace {

using Tcp = asio::ip::tcp;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// Beyond the limit this many more connections get a 503 each; past them accepting is closing.
constexpr std::uint64_t refusals_at_once = 128;

IpAddress address_of(const asio::ip::address& address) {
  return address.is_v4() ? IpAddress::from_v4(address.to_v4().to_uint())
                         : IpAddress::from_v6(address.to_v6().to_bytes());
}

Error cannot(const std::string& what, const ErrorCode& error) {
  return fail(Errc::invalid_argument, what + ": " + error.message());
}

Result<Tcp::endpoint> resolve(const Endpoint& at) {
  asio::io_context context;
  Tcp::resolver resolver(context);
  ErrorCode error;
  const auto found = resolver.resolve(at.host, std::to_string(at.port), Tcp::resolver::passive, error);
  if (error || found.empty()) return cannot("cannot resolve " + at.to_string(), error);
  // A name such as localhost may have both kinds of address; the one that every client reaches comes first.
  for (const auto& entry : found)
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  return found.begin()->endpoint();
}

Result<Acceptor> listen(asio::io_context& context, const Tcp::endpoint& at, bool shared_port) {
  Acceptor acceptor(context);
  ErrorCode error;
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && shared_port) acceptor.set_option(ReusePort(true), error);
  if (!error) acceptor.set_option(Tcp::no_delay(true), error);  // accepted sockets inherit it
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot("cannot listen on " + at.address().to_string() + ":" + std::to_string(at.port()), error);
  return acceptor;
}

Result<std::unique_ptr<asio::ssl::context>> make_tls(const ServerSettings& settings) {
  auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  ErrorCode error;
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                   error);
  if (!error) tls->use_certificate_chain_file(settings.tls_cert, error);
  if (error) return cannot("cannot use the certificate " + settings.tls_cert, error);
  tls->use_private_key_file(settings.tls_key, asio::ssl::context::pem, error);
  if (error) return cannot("cannot use the private key " + settings.tls_key, error);
  SSL_CTX_set_mode(tls->native_handle(), SSL_MODE_RELEASE_BUFFERS);  // 34 KiB less for an idle connection
  return tls;
}

}  // namespace

struct Server::Impl {
  // The acceptors of one I/O thread.
  struct Worker {
    Worker(Impl& owner, std::size_t number)
        : impl(owner), io(owner.shared, [this, number] { impl.on_tick(*this, number); }) {}
    Impl& impl;
    IoThread io;
    std::vector<Acceptor> acceptors;  // parallel to the listeners
    std::vector<bool> paused;         // parallel: after an error (no descriptor left) until the next tick
    bool draining = false;
  };

  class ServerLoop final : public Loop {
   public:
    explicit ServerLoop(Impl& impl) : impl_(impl) {}
    TimerId after(std::int64_t ms, std::function<void()> then) override {
      return impl_.waiters.after(ms, std::move(then));
    }
    bool cancel(TimerId id) override { return impl_.waiters.cancel(id); }
    void post(std::function<void()> work) override { impl_.workers.front().io.mailbox()->put(std::move(work)); }

   private:
    Impl& impl_;
  };

  Impl(ServerSettings settings, Clock& clock, Random& random)
      : shared{std::move(settings), clock, random, {}, {}, {}}, waiters(clock, shared.settings.tick_ms) {
    for (std::uint32_t i = 0; i < shared.settings.threads; ++i) workers.emplace_back(*this, i);
  }

  Result<void> open();
  Result<void> open(const ListenOn& listener);
  void accept(Worker& worker, std::size_t listener);
  void arrived(Worker& worker, std::size_t listener, Socket socket, const Tcp::endpoint& peer);
  void on_tick(Worker& worker, std::size_t number);
  void drain();
  void stop_accepting(Worker& worker);
  void watch_signals();
  std::int64_t now_ms() const { return shared.clock.mono().ns / 1'000'000; }

  ServerContext shared;
  Waiters waiters;
  std::unique_ptr<asio::ssl::context> tls;
  std::deque<Worker> workers;
  ServerLoop loop{*this};
  std::vector<std::uint16_t> ports;
  std::optional<asio::signal_set> signals;
  std::atomic<bool> drain_asked{false};
  std::atomic<std::int64_t> cut_off_ms{0};  // when draining: the deadline
};

Result<void> Server::Impl::open() {
  if (!shared.settings.tls_cert.empty()) {
    auto made = make_tls(shared.settings);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  for (const ListenOn& listener : shared.settings.listeners)
    if (auto good = open(listener); !good) return good;
  return {};
}

Result<void> Server::Impl::open(const ListenOn& listener) {
  auto endpoint = resolve(listener.at);
  if (!endpoint) return endpoint.error();
  for (Worker& worker : workers) {
    auto acceptor = listen(worker.io.context(), *endpoint, workers.size() > 1);
    if (!acceptor) return acceptor.error();
    endpoint->port(acceptor->local_endpoint().port());  // the first may have found a free one; the others share it
    worker.acceptors.push_back(std::move(*acceptor));
    worker.paused.push_back(false);
  }
  ports.push_back(endpoint->port());
  return {};
}

void Server::Impl::accept(Worker& worker, std::size_t listener) {
  auto peer = std::make_shared<Tcp::endpoint>();
  worker.acceptors[listener].async_accept(*peer, [this, &worker, listener, peer](ErrorCode error, Socket socket) {
    if (shared.draining || error == asio::error::operation_aborted) return;
    if (error) {
      worker.paused[listener] = true;
      return;
    }
    arrived(worker, listener, std::move(socket), *peer);
    accept(worker, listener);
  });
}

void Server::Impl::arrived(Worker& worker, std::size_t listener, Socket socket, const Tcp::endpoint& peer) {
  shared.count.accepted.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t open = shared.count.open.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t most = shared.settings.connections_max;
  if (open >= most + refusals_at_once) {
    shared.count.open.fetch_sub(1, std::memory_order_relaxed);
    shared.count.over_limit.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const bool for_operator = shared.settings.listeners[listener].operator_listener;
  const auto session =
      make_session(worker.io, {std::move(socket), address_of(peer.address()), for_operator}, tls.get());
  worker.io.add(session);
  if (open < most)
    session->start();
  else
    session->start_refused();
}

void Server::Impl::on_tick(Worker& worker, std::size_t number) {
  if (number == 0) waiters.advance();
  if (!worker.draining) {
    for (std::size_t i = 0; i < worker.acceptors.size(); ++i) {
      if (!worker.paused[i]) continue;
      worker.paused[i] = false;
      accept(worker, i);
    }
    return;
  }
  if (worker.io.sessions() == 0 || now_ms() >= cut_off_ms) worker.io.stop();
}

void Server::Impl::stop_accepting(Worker& worker) {
  ErrorCode ignored;
  for (Acceptor& acceptor : worker.acceptors) acceptor.close(ignored);
}

void Server::Impl::drain() {
  if (drain_asked.exchange(true)) return;
  cut_off_ms = now_ms() + shared.settings.deadlines.drain_ms;
  shared.draining = true;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    asio::post(workers[i].io.context(), [this, &worker = workers[i], first = i == 0] {
      worker.draining = true;
      stop_accepting(worker);
      worker.io.drain();
      if (first && shared.settings.on_drain) shared.settings.on_drain();
    });
  }
}

void Server::Impl::watch_signals() {
  signals.emplace(workers.front().io.context(), SIGTERM, SIGINT);
  signals->async_wait([this](ErrorCode error, int) {
    if (error) return;
    drain();
    signals->async_wait([this](ErrorCode again, int) {
      if (!again) cut_off_ms = 0;
    });
  });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::open(ServerSettings settings, Clock& clock, Random& random) {
  assert(settings.threads > 0 && settings.tick_ms > 0);
  auto impl = std::make_unique<Impl>(std::move(settings), clock, random);
  if (auto good = impl->open(); !good) return good.error();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port(std::size_t listener) const {
  return impl_->ports.at(listener);
}

Loop& Server::loop() {
  return impl_->loop;
}

ServerStats Server::stats() const {
  const auto& count = impl_->shared.count;
  return {count.open, count.accepted, count.over_limit, count.requests, count.refused, count.deadlines};
}

void Server::run(Handler handler) {
  Impl& impl = *impl_;
  assert(!impl.shared.handler && handler);
  impl.shared.handler = std::move(handler);
  if (impl.shared.settings.drain_on_signals) impl.watch_signals();
  std::vector<std::thread> threads;
  for (Impl::Worker& worker : impl.workers)
    for (std::size_t i = 0; i < worker.acceptors.size(); ++i)
      if (!impl.shared.draining) impl.accept(worker, i);
  for (std::size_t i = 1; i < impl.workers.size(); ++i) threads.emplace_back([&impl, i] { impl.workers[i].io.run(); });
  impl.workers.front().io.run();
  for (std::thread& thread : threads) thread.join();
  // Cut off what outlived its deadline now, not when the server goes: its clients wait.
  for (Impl::Worker& worker : impl.workers) worker.io.abort();
}

void Server::drain() {
  impl_->drain();
}

}  // namespace tally::http

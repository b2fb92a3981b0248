#include "http/server_io.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace tally::http {
namespace {

constexpr std::size_t spares_max = 64;

thread_local IoThread* current_thread = nullptr;

}  // namespace

void Mailbox::put(std::weak_ptr<SessionBase> to, Response&& response) {
  put(Letter{std::move(to), std::move(response), {}});
}

void Mailbox::put(std::function<void()> work) {
  put(Letter{{}, {}, std::move(work)});
}

void Mailbox::put(Letter&& letter) {
  const std::scoped_lock lock(mutex_);
  if (context_ == nullptr) return;
  letters_.push_back(std::move(letter));
  if (letters_.size() == 1) asio::post(*context_, [self = shared_from_this()] { self->deliver(); });
}

void Mailbox::deliver() {
  std::vector<Letter> letters;
  {
    const std::scoped_lock lock(mutex_);
    letters.swap(letters_);
  }
  for (Letter& letter : letters) {
    if (letter.work)
      letter.work();
    else if (const auto session = letter.to.lock())
      session->answer(std::move(letter.response));
  }
}

void Mailbox::close() {
  std::vector<Letter> dropped;  // freed after the lock: what they hold may come back here
  const std::scoped_lock lock(mutex_);
  context_ = nullptr;
  dropped.swap(letters_);
}

IoThread::IoThread(ServerContext& context, std::function<void()> on_tick)
    : shared(context),
      on_tick_(std::move(on_tick)),
      now_ms_(context.clock.mono().ns / 1'000'000),
      wheel_(now_ms_, context.settings.tick_ms) {}

IoThread::~IoThread() {
  abort();
  mailbox_->close();
  // Handlers of operations that abort() cancelled hold their sessions: let them run out while everything they touch is
  // there.
  ticker_.cancel();
  context_.restart();
  context_.poll();
}

IoThread* IoThread::current() noexcept {
  return current_thread;
}

void IoThread::run() {
  current_thread = this;
  tick();
  context_.run();
  current_thread = nullptr;
}

void IoThread::stop() {
  context_.stop();
}

void IoThread::add(std::shared_ptr<SessionBase> session) {
  sessions_.insert(std::move(session));
}

void IoThread::remove(const std::shared_ptr<SessionBase>& session) {
  sessions_.erase(session);
}

void IoThread::drain() {
  const std::vector<std::shared_ptr<SessionBase>> all(sessions_.begin(), sessions_.end());
  for (const auto& session : all) session->drain();
}

void IoThread::abort() {
  const std::vector<std::shared_ptr<SessionBase>> all(sessions_.begin(), sessions_.end());
  for (const auto& session : all) session->abort();
}

void IoThread::arm(TimerWheel::Timer& timer, std::int64_t ms) {
  // The last tick may be a tick ago; a deadline never comes early.
  wheel_.arm(timer, now_ms_ + ms + shared.settings.tick_ms);
}

std::string_view IoThread::date(UtcTime now) {
  if (std::exchange(date_second_, now.seconds()) != now.seconds()) date_ = now.to_http_date();
  return date_;
}

void IoThread::keep_spare(std::string memory) {
  if (spares_.size() < spares_max) spares_.push_back(std::move(memory));
}

std::string IoThread::take_spare() {
  if (spares_.empty()) return {};
  std::string memory = std::move(spares_.back());
  spares_.pop_back();
  return memory;
}

void IoThread::tick() {
  now_ms_ = shared.clock.mono().ns / 1'000'000;
  wheel_.advance(now_ms_);
  on_tick_();
  ticker_.expires_after(std::chrono::milliseconds(shared.settings.tick_ms));
  ticker_.async_wait([this](ErrorCode error) {
    if (!error) tick();
  });
}

}  // namespace tally::http

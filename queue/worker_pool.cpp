#include "queue/worker_pool.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace tally::queue {

namespace asio = boost::asio;

struct WorkerPool::Impl {
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  std::vector<std::thread> threads;
  std::mutex mutex;
  bool stopping = false;
  std::vector<std::shared_ptr<asio::steady_timer>> timers;

  void arm(const std::shared_ptr<asio::steady_timer>& timer, std::int64_t period_ms,
           const std::function<void()>& task) {
    const std::lock_guard lock(mutex);
    if (stopping) return;
    timer->expires_after(std::chrono::milliseconds(period_ms));
    timer->async_wait([this, timer, period_ms, task](const boost::system::error_code& error) {
      if (error) return;
      task();
      arm(timer, period_ms, task);
    });
  }
};

WorkerPool::WorkerPool(std::uint32_t threads) : impl_(new Impl) {
  for (std::uint32_t i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->context.run(); });
}

WorkerPool::~WorkerPool() {
  stop();
}

Executor WorkerPool::executor() {
  return [this](std::function<void()> task) { asio::post(impl_->context, std::move(task)); };
}

void WorkerPool::every(std::int64_t period_ms, std::function<void()> task) {
  auto timer = std::make_shared<asio::steady_timer>(impl_->context);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->timers.push_back(timer);
  }
  impl_->arm(timer, period_ms, task);
}

void WorkerPool::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return;
    impl_->stopping = true;
    for (const auto& timer : impl_->timers) timer->cancel();
  }
  impl_->guard.reset();
  for (std::thread& thread : impl_->threads) thread.join();
}

}  // namespace tally::queue

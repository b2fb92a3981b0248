#include "webhook/dispatcher_driver.h"

#include <algorithm>
#include <chrono>

namespace tally::webhook {
namespace {

// UtcTime can be set by the administrator while we sleep, so no sleep is long.
constexpr std::int64_t sleep_ms_max = 1000;
// The least time between two ticks, unless much comes. Under load a tick then handles what came meanwhile at once;
// waking four threads for every single outcome costs more than sending it.
constexpr std::chrono::microseconds gathering(500);

}  // namespace

DispatcherDriver::DispatcherDriver(Dispatcher& dispatcher, const Clock& clock)
    : dispatcher_(dispatcher), clock_(clock), thread_([this] { run(); }) {
  dispatcher_.on_wake([this] {
    const std::scoped_lock lock(mutex_);
    ++wakes_;
    changed_.notify_one();
  });
}

DispatcherDriver::~DispatcherDriver() {
  dispatcher_.on_wake(nullptr);
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void DispatcherDriver::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wakes_ = 0;
    lock.unlock();
    const auto next = dispatcher_.tick(clock_.now());
    const std::int64_t wait_ms =
        next ? std::clamp<std::int64_t>(next->ms() - clock_.now().ms(), 0, sleep_ms_max) : sleep_ms_max;
    lock.lock();
    changed_.wait_for(lock, gathering, [this] { return wakes_ > 1 || stopping_; });
    changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return wakes_ > 0 || stopping_; });
  }
}

}  // namespace tally::webhook

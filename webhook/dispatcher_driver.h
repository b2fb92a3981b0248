// The thread that ticks a dispatcher.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/clock.h"
#include "webhook/dispatcher.h"

namespace tally::webhook {

// Ticks from its construction until its destruction, which waits for the tick that is running.
class DispatcherDriver {
 public:
  // Both must outlive the driver.
  DispatcherDriver(Dispatcher& dispatcher, const Clock& clock);
  ~DispatcherDriver();
  DispatcherDriver(const DispatcherDriver&) = delete;
  DispatcherDriver& operator=(const DispatcherDriver&) = delete;

 private:
  void run();

  Dispatcher& dispatcher_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int wakes_ = 0;  // since the last tick began
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tally::webhook

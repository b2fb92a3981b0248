// Threads for a Runner: an Asio pool for the work and a timer for its ticks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "queue/runner.h"

namespace tally::queue {

class WorkerPool {
 public:
  explicit WorkerPool(std::uint32_t threads);
  ~WorkerPool();

  Executor executor();
  // Calls `task` every `period_ms` on the pool until stop(), the first time after one period.
  void every(std::int64_t period_ms, std::function<void()> task);
  // Ends the timers, finishes the tasks that are queued and joins the threads.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally::queue

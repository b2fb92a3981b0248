// Holding an answer back until a job is finished or the caller's patience ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/job.h"
#include "http/loop.h"
#include "http/request.h"
#include "queue/jobs.h"

namespace tally::http {

inline constexpr std::int64_t wait_seconds_max = 60;

// N of `Prefer: wait=N` (RFC 7240), at most 60; nothing without one or for a malformed one, as preferences are wishes.
std::optional<std::int64_t> preferred_wait_seconds(const Request& request);

class Waiter {
 public:
  // `loop` is asked for at the first wait, as the server that owns it starts after the handlers are made.
  Waiter(queue::Jobs& jobs, std::function<Loop&()> loop) : jobs_(jobs), loop_(std::move(loop)) {}

  // Calls `then` once on an I/O thread: when the job is finished, or after `seconds`.
  void until_finished(const AccountId& account, const RequestId& id, std::int64_t seconds, std::function<void()> then);

 private:
  queue::Jobs& jobs_;
  std::function<Loop&()> loop_;
};

}  // namespace tally::http

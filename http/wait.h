// Holding an answer back until a job is finished or the caller's patience ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

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
  Waiter(queue::Jobs& jobs, std::function<Loop&()> loop);
  ~Waiter();

  // Calls `then` once on an I/O thread: when the job is finished, or after `seconds`.
  void until_finished(const AccountId& account, const RequestId& id, std::int64_t seconds, std::function<void()> then);

  // Ends every wait now, and those to come at once: the server is stopping.
  void stop();

 private:
  struct Waiting;
  // True for the one that may call `then`; the others came too late.
  bool end(const std::shared_ptr<Waiting>& waiting);

  queue::Jobs& jobs_;
  std::function<Loop&()> loop_;
  std::mutex mutex_;
  std::unordered_set<std::shared_ptr<Waiting>> waiting_;
  bool stopped_ = false;
};

}  // namespace tally::http

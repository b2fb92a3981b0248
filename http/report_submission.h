// Storing a report job and answering 202, once for each Idempotency-Key.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "core/job.h"
#include "http/idempotency.h"
#include "http/wait.h"
#include "queue/jobs.h"

namespace tally::http {

// Says whether a URL may be called back; Error.rule `invalid_callback_url`.
using CallbackPolicy = std::function<Result<void>(std::string_view url)>;

class ReportSubmission {
 public:
  // `finished` makes the answer for a job that ended within the caller's wait.
  ReportSubmission(Idempotency& idempotency, queue::Jobs& jobs, Waiter& waiter,
                   std::function<Response(const Job&)> finished)
      : idempotency_(idempotency), jobs_(jobs), waiter_(waiter), finished_(std::move(finished)) {}

  // Stores the job and the 202 that replays by `key`; the answer is that 202, or the job's if it is done within `wait`
  // seconds.
  void store(Job job, CallKey key, std::optional<std::int64_t> wait, const Idempotency::Answer& answer);

 private:
  void answer_within(std::int64_t wait, const AccountId& account, Response accepted_then,
                     const Idempotency::Answer& answer);

  Idempotency& idempotency_;
  queue::Jobs& jobs_;
  Waiter& waiter_;
  std::function<Response(const Job&)> finished_;
};

}  // namespace tally::http

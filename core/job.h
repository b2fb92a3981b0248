// A report job and the rules of its life: queued -> processing -> completed | failed | cancelled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "core/result.h"
#include "core/retry.h"
#include "core/time.h"

namespace tally {

enum class JobStatus : std::uint8_t { queued = 1, processing, completed, failed, cancelled };
std::string_view to_string(JobStatus status) noexcept;

// Which API the job was submitted through; its poll and its callback speak that dialect.
enum class Dialect : std::uint8_t { own = 1, nyne };

struct Job {
  RequestId id;
  AccountId account;
  Dialect dialect = Dialect::own;
  std::string request;  // an encoded ReportRequest (core/report.h)
  std::string callback_url;
  JobStatus status = JobStatus::queued;
  UtcTime created_at;
  UtcTime run_after;   // a retry waits until then
  UtcTime started_at;  // of the last attempt
  UtcTime finished_at;
  UtcTime lease_until;      // while processing
  std::uint64_t token = 0;  // fencing: counts the claims; only the holder of the latest may finish
  std::uint32_t attempts = 0;
  std::uint64_t progress_done = 0;
  std::uint64_t progress_total = 0;
  std::string error_code;  // when failed
  std::string error_message;
  DeliveryId delivery;          // of the outcome, once finished with a callback_url
  std::string http_request_id;  // X-Request-Id of the call that submitted it, for the log; may be empty
  // What of the result was saved in parts so far, by whichever attempt.
  std::uint64_t saved_parts = 0;
  std::uint64_t saved_bytes = 0;

  bool finished() const noexcept { return status >= JobStatus::completed; }
};

struct JobRules {
  std::int64_t lease_ms = 30'000;
  std::uint32_t attempts_max = 5;
  RetrySchedule retry{{1, 5, 30, 120}};
};

// Each changes `job` or refuses with Errc::conflict and leaves it alone.
// Queued and due (`run_after` has come), or processing with an expired lease. Attempts are counted but not judged here:
// who claims a job after `attempts_max` crashes ends it by fail_attempt.
Result<void> claim(Job& job, const JobRules& rules, UtcTime now);
Result<void> extend_lease(Job& job, std::uint64_t token, const JobRules& rules, UtcTime now);
Result<void> complete(Job& job, std::uint64_t token, UtcTime now);
Result<void> cancel(Job& job, UtcTime now);  // queued or processing
// The holder saved parts of its result: the lease begins anew, and so do the attempts, as the work gets on.
Result<void> save_parts(Job& job, std::uint64_t token, const JobRules& rules, std::uint64_t parts, std::uint64_t bytes,
                        UtcTime now);
// A failed attempt: back to queued with `run_after` set, or failed for good when `permanent` or the attempts are used
// up.
Result<void> fail_attempt(Job& job, std::uint64_t token, const JobRules& rules, UtcTime now, Random& random,
                          bool permanent, std::string code, std::string message);
// The process that held the lease is gone (a restart): claimable at once.
void orphan(Job& job) noexcept;

std::string encode(const Job& job);
Result<Job> decode_job(std::string_view bytes);

}  // namespace tally

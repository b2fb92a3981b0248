#include "core/job.h"

#include <utility>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t job_version = 3;  // 1 had no http_request_id, 2 no saved parts

Result<void> refuse(const char* detail) {
  return fail(Errc::conflict, detail);
}

bool is_held_by(const Job& job, std::uint64_t token) noexcept {
  return job.status == JobStatus::processing && job.token == token;
}

void finish(Job& job, JobStatus status, UtcTime now) noexcept {
  job.status = status;
  job.finished_at = now;
  job.lease_until = UtcTime();
}

}  // namespace

std::string_view to_string(JobStatus status) noexcept {
  switch (status) {
    case JobStatus::queued:
      return "queued";
    case JobStatus::processing:
      return "processing";
    case JobStatus::completed:
      return "completed";
    case JobStatus::failed:
      return "failed";
    case JobStatus::cancelled:
      return "cancelled";
  }
  return "unknown";
}

Result<void> claim(Job& job, const JobRules& rules, UtcTime now) {
  const bool due = job.status == JobStatus::queued && job.run_after <= now;
  const bool abandoned = job.status == JobStatus::processing && job.lease_until <= now;
  if (!due && !abandoned) return refuse("the job is not to be claimed now");
  job.status = JobStatus::processing;
  ++job.token;
  ++job.attempts;
  job.started_at = now;
  job.lease_until = now + rules.lease_ms;
  job.progress_done = 0;
  job.progress_total = 0;
  return {};
}

// A lease that ran out can still be extended or used: until another claim nobody else works on the job.
Result<void> extend_lease(Job& job, std::uint64_t token, const JobRules& rules, UtcTime now) {
  if (!is_held_by(job, token)) return refuse("the lease was lost");
  job.lease_until = now + rules.lease_ms;
  return {};
}

Result<void> save_parts(Job& job, std::uint64_t token, const JobRules& rules, std::uint64_t parts, std::uint64_t bytes,
                        UtcTime now) {
  if (auto extended = extend_lease(job, token, rules, now); !extended) return extended;
  job.saved_parts += parts;
  job.saved_bytes += bytes;
  job.attempts = 1;
  return {};
}

Result<void> complete(Job& job, std::uint64_t token, UtcTime now) {
  if (!is_held_by(job, token)) return refuse("the lease was lost");
  finish(job, JobStatus::completed, now);
  return {};
}

Result<void> cancel(Job& job, UtcTime now) {
  if (job.finished()) return refuse("the job is finished");
  finish(job, JobStatus::cancelled, now);
  return {};
}

Result<void> fail_attempt(Job& job, std::uint64_t token, const JobRules& rules, UtcTime now, Random& random,
                          bool permanent, std::string code, std::string message) {
  if (!is_held_by(job, token)) return refuse("the lease was lost");
  if (!permanent && job.attempts < rules.attempts_max) {
    if (const auto next = rules.retry.next(now, static_cast<int>(job.attempts), random)) {
      job.status = JobStatus::queued;
      job.run_after = *next;
      job.lease_until = UtcTime();
      return {};
    }
  }
  finish(job, JobStatus::failed, now);
  job.error_code = std::move(code);
  job.error_message = std::move(message);
  return {};
}

void orphan(Job& job) noexcept {
  if (job.status == JobStatus::processing) job.lease_until = UtcTime();
}

std::string encode(const Job& job) {
  std::string bytes;
  bytes.reserve(160 + job.request.size() + job.callback_url.size());
  Encoder out(bytes);
  out.u8(job_version);
  out.text(job.id.str());
  out.text(job.account.str());
  write_enum(out, job.dialect);
  out.text(job.request);
  out.text(job.callback_url);
  write_enum(out, job.status);
  write_time(out, job.created_at);
  write_time(out, job.run_after);
  write_time(out, job.started_at);
  write_time(out, job.finished_at);
  write_time(out, job.lease_until);
  out.u64(job.token);
  out.u64(job.attempts);
  out.u64(job.progress_done);
  out.u64(job.progress_total);
  out.text(job.error_code);
  out.text(job.error_message);
  out.text(job.delivery.str());
  out.text(job.http_request_id);
  out.u64(job.saved_parts);
  out.u64(job.saved_bytes);
  return bytes;
}

Result<Job> decode_job(std::string_view bytes) {
  Decoder in(bytes);
  const std::uint8_t version = in.u8();
  if (version < 1 || version > job_version) in.reject();
  Job job;
  job.id = RequestId(read_string(in));
  job.account = AccountId(read_string(in));
  job.dialect = read_enum(in, Dialect::nyne);
  job.request = in.text();
  job.callback_url = in.text();
  job.status = read_enum(in, JobStatus::cancelled);
  job.created_at = read_time(in);
  job.run_after = read_time(in);
  job.started_at = read_time(in);
  job.finished_at = read_time(in);
  job.lease_until = read_time(in);
  job.token = in.u64();
  job.attempts = read_u32(in);
  job.progress_done = in.u64();
  job.progress_total = in.u64();
  job.error_code = in.text();
  job.error_message = in.text();
  job.delivery = DeliveryId(read_string(in));
  if (version > 1) job.http_request_id = in.text();
  if (version > 2) {
    job.saved_parts = in.u64();
    job.saved_bytes = in.u64();
  }
  if (!in.done()) return fail(Errc::corrupt, "a job row cannot be read");
  return job;
}

}  // namespace tally

#include "core/job.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace job_test {

using namespace tally;

namespace {

const UtcTime t0 = UtcTime::parse("2026-02-03T12:00:00Z").value();
const JobRules rules;

Job queued_job() {
  Job job;
  job.id = RequestId("a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4_1717000000_4271");
  job.account = AccountId("acme");
  job.dialect = Dialect::nyne;
  job.request = std::string("\0request", 8);
  job.callback_url = "https://example.com/hook";
  job.created_at = t0;
  job.run_after = t0;
  return job;
}

Job claimed_job() {
  Job job = queued_job();
  REQUIRE(claim(job, rules, t0));
  return job;
}

template <class Change>
void check_refused(const Job& job, Change change) {
  Job copy = job;
  const Result<void> result = change(copy);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::conflict);
  CHECK(encode(copy) == encode(job));
}

}  // namespace

TEST_CASE("job: a claim is a lease with a new fencing token") {
  Job job = queued_job();
  job.progress_done = 5;
  REQUIRE(claim(job, rules, t0));
  CHECK(job.status == JobStatus::processing);
  CHECK(job.token == 1);
  CHECK(job.attempts == 1);
  CHECK(job.started_at == t0);
  CHECK(job.lease_until == t0 + 30'000);
  CHECK(job.progress_done == 0);
}

TEST_CASE("job: a live lease is not claimable, an expired one is, once") {
  Job job = claimed_job();
  check_refused(job, [](Job& j) { return claim(j, rules, t0 + 29'999); });
  REQUIRE(claim(job, rules, t0 + 30'000));
  CHECK(job.token == 2);
  CHECK(job.attempts == 2);
  check_refused(job, [](Job& j) { return claim(j, rules, t0 + 30'000); });
}

TEST_CASE("job: a retry is not claimable before its time") {
  Job job = queued_job();
  job.run_after = t0 + 1000;
  check_refused(job, [](Job& j) { return claim(j, rules, t0 + 999); });
  CHECK(claim(job, rules, t0 + 1000));
}

TEST_CASE("job: a rescued worker's late result is refused") {
  Job job = claimed_job();
  REQUIRE(claim(job, rules, t0 + 30'000));
  SeededRandom random(1);
  check_refused(job, [](Job& j) { return complete(j, 1, t0 + 30'001); });
  check_refused(job, [](Job& j) { return extend_lease(j, 1, rules, t0 + 30'001); });
  check_refused(job, [&](Job& j) { return fail_attempt(j, 1, rules, t0 + 30'001, random, true, "x", "y"); });
  CHECK(complete(job, 2, t0 + 30'001));
}

TEST_CASE("job: the latest holder may finish after its lease ran out, while nobody else claimed") {
  Job job = claimed_job();
  REQUIRE(complete(job, 1, t0 + 100'000));
  CHECK(job.status == JobStatus::completed);
  CHECK(job.finished());
  CHECK(job.finished_at == t0 + 100'000);
}

TEST_CASE("job: a heartbeat moves the lease") {
  Job job = claimed_job();
  REQUIRE(extend_lease(job, 1, rules, t0 + 20'000));
  CHECK(job.lease_until == t0 + 50'000);
  check_refused(job, [](Job& j) { return claim(j, rules, t0 + 49'999); });
}

TEST_CASE("job: a queued job has no holder") {
  const Job job = queued_job();
  SeededRandom random(1);
  check_refused(job, [](Job& j) { return complete(j, 0, t0); });
  check_refused(job, [](Job& j) { return extend_lease(j, 0, rules, t0); });
  check_refused(job, [&](Job& j) { return fail_attempt(j, 0, rules, t0, random, false, "x", "y"); });
}

TEST_CASE("job: a finished job never changes again") {
  SeededRandom random(1);
  Job completed = claimed_job();
  REQUIRE(complete(completed, 1, t0));
  Job cancelled = claimed_job();
  REQUIRE(cancel(cancelled, t0));
  Job failed = claimed_job();
  REQUIRE(fail_attempt(failed, 1, rules, t0, random, true, "too_bad", "it was"));
  for (const Job& job : {completed, cancelled, failed}) {
    CHECK(job.finished());
    CHECK(job.finished_at == t0);
    check_refused(job, [](Job& j) { return claim(j, rules, t0 + day_ms); });
    check_refused(job, [](Job& j) { return complete(j, 1, t0); });
    check_refused(job, [](Job& j) { return cancel(j, t0); });
    check_refused(job, [](Job& j) { return extend_lease(j, 1, rules, t0); });
    check_refused(job, [&](Job& j) { return fail_attempt(j, 1, rules, t0, random, true, "x", "y"); });
    Job copy = job;
    orphan(copy);
    CHECK(encode(copy) == encode(job));
  }
}

TEST_CASE("job: queued and processing jobs can be cancelled") {
  Job queued = queued_job();
  CHECK(cancel(queued, t0));
  CHECK(queued.status == JobStatus::cancelled);
  Job processing = claimed_job();
  CHECK(cancel(processing, t0));
  CHECK(processing.status == JobStatus::cancelled);
}

TEST_CASE("job: failed attempts are retried with backoff until they are used up") {
  SeededRandom random(3);
  Job job = queued_job();
  UtcTime now = t0;
  const std::int64_t waits[] = {1, 5, 30, 120};
  for (std::uint64_t attempt = 1; attempt <= 4; ++attempt) {
    REQUIRE(claim(job, rules, now));
    REQUIRE(fail_attempt(job, attempt, rules, now, random, false, "flaky", "try again"));
    CHECK(job.status == JobStatus::queued);
    CHECK(job.run_after >= now + waits[attempt - 1] * 1000);
    CHECK(job.run_after <= now + waits[attempt - 1] * 1100);
    CHECK(job.error_code.empty());
    now = job.run_after;
  }
  REQUIRE(claim(job, rules, now));
  REQUIRE(fail_attempt(job, 5, rules, now, random, false, "flaky", "gave up"));
  CHECK(job.status == JobStatus::failed);
  CHECK(job.error_code == "flaky");
  CHECK(job.error_message == "gave up");
  CHECK(job.attempts == 5);
}

TEST_CASE("job: a permanent failure is not retried, nor one beyond a short schedule") {
  SeededRandom random(3);
  Job job = claimed_job();
  REQUIRE(fail_attempt(job, 1, rules, t0, random, true, "too_large", "too many rows"));
  CHECK(job.status == JobStatus::failed);

  const JobRules impatient{30'000, 5, RetrySchedule{{}}};
  Job other = claimed_job();
  REQUIRE(fail_attempt(other, 1, impatient, t0, random, false, "flaky", "no schedule"));
  CHECK(other.status == JobStatus::failed);
}

TEST_CASE("job: an orphan is claimable at once, and its old token stays dead") {
  Job job = claimed_job();
  orphan(job);
  REQUIRE(claim(job, rules, t0));
  CHECK(job.token == 2);
  check_refused(job, [](Job& j) { return complete(j, 1, t0); });

  Job queued = queued_job();
  const std::string before = encode(queued);
  orphan(queued);
  CHECK(encode(queued) == before);
}

TEST_CASE("job: a stored job is read back whole") {
  Job job = claimed_job();
  job.progress_done = 7;
  job.progress_total = 1ull << 63;
  job.error_code = "code";
  job.error_message = "message";
  job.delivery = DeliveryId("msg_1");
  job.http_request_id = "call-1";
  job.finished_at = t0 + 5;
  job.saved_parts = 3;
  job.saved_bytes = 800'000;
  const auto decoded = decode_job(encode(job));
  REQUIRE(decoded);
  CHECK(decoded->id == job.id);
  CHECK(decoded->account == job.account);
  CHECK(decoded->dialect == Dialect::nyne);
  CHECK(decoded->request == job.request);
  CHECK(decoded->callback_url == job.callback_url);
  CHECK(decoded->status == JobStatus::processing);
  CHECK(decoded->created_at == t0);
  CHECK(decoded->run_after == t0);
  CHECK(decoded->started_at == t0);
  CHECK(decoded->finished_at == t0 + 5);
  CHECK(decoded->lease_until == t0 + 30'000);
  CHECK(decoded->token == 1);
  CHECK(decoded->attempts == 1);
  CHECK(decoded->progress_done == 7);
  CHECK(decoded->progress_total == 1ull << 63);
  CHECK(decoded->error_code == "code");
  CHECK(decoded->error_message == "message");
  CHECK(decoded->delivery == job.delivery);
  CHECK(decoded->http_request_id == "call-1");
  CHECK(decoded->saved_parts == 3);
  CHECK(decoded->saved_bytes == 800'000);
}

TEST_CASE("job: a row that was stored before rows had the call's id, or parts, is read") {
  std::string bytes = encode(claimed_job());
  bytes.resize(bytes.size() - 2);  // the numbers of parts and bytes, which are 0
  bytes[0] = 2;
  CHECK(decode_job(bytes).value().saved_parts == 0);
  bytes.pop_back();  // the length of the id, which is empty
  bytes[0] = 1;
  const auto decoded = decode_job(bytes);
  REQUIRE(decoded);
  CHECK(decoded->id == claimed_job().id);
  CHECK(decoded->http_request_id.empty());
}

TEST_CASE("job: its holder saves parts, which begins the lease and the attempts anew") {
  Job job = claimed_job();
  job.attempts = 4;
  REQUIRE(save_parts(job, job.token, rules, 2, 500, t0 + 1'000));
  REQUIRE(save_parts(job, job.token, rules, 1, 7, t0 + 2'000));
  CHECK(job.saved_parts == 3);
  CHECK(job.saved_bytes == 507);
  CHECK(job.attempts == 1);
  CHECK(job.lease_until == t0 + 2'000 + rules.lease_ms);
  check_refused(job, [](Job& j) { return save_parts(j, j.token + 1, rules, 1, 1, t0); });
  REQUIRE(cancel(job, t0 + 3'000));
  check_refused(job, [](Job& j) { return save_parts(j, j.token, rules, 1, 1, t0); });
}

TEST_CASE("job: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(8);
  CHECK(refuses_prefixes_and_survives_noise(encode(claimed_job()), random, [](const std::string& bytes) {
    const auto job = decode_job(bytes);
    if (!job) CHECK(job.error().code == Errc::corrupt);
    return job.has_value();
  }));
  std::string newer = encode(claimed_job());
  newer[0] = 4;
  CHECK(decode_job(newer).error().code == Errc::corrupt);
}

TEST_CASE("job: states have words") {
  CHECK(to_string(JobStatus::queued) == "queued");
  CHECK(to_string(JobStatus::processing) == "processing");
  CHECK(to_string(JobStatus::completed) == "completed");
  CHECK(to_string(JobStatus::failed) == "failed");
  CHECK(to_string(JobStatus::cancelled) == "cancelled");
}

}  // namespace job_test

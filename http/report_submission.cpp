#include "http/report_submission.h"

#include "http/answers.h"
#include "http/problem.h"
#include "http/report_wire.h"

namespace tally::http {

namespace {

Response accepted_response(const Job& job) {
  Response response = json_response(202, job_accepted_json(job));
  response.headers.emplace_back("Location", status_url(job));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The job of such an answer, which may be a replay.
RequestId accepted_id(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Location") return RequestId(value.substr(value.rfind('/') + 1));
  }
  return RequestId();
}

}  // namespace

void ReportSubmission::store(Job job, CallKey key, std::optional<std::int64_t> wait,
                             const Idempotency::Answer& answer) {
  const AccountId account = job.account;
  auto stands = std::make_shared<std::optional<Response>>();
  queue::Jobs::Within within;
  if (key.given()) {
    within = [this, stands, key = std::move(key)](storage::AccountTx& tx, const Job& stored) -> Result<void> {
      auto found = idempotency_.find(tx, key);
      if (!found) return found.error();
      *stands = std::move(*found);
      if (*stands) return fail(Errc::conflict, "answered before");
      idempotency_.keep(tx, key, accepted_response(stored));
      return {};
    };
  }
  jobs_.submit(std::move(job), std::move(within), [this, account, stands, wait, answer](const Result<Job>& stored) {
    if (!stored && !*stands) return answer(problem(stored.error()));
    Response response = stored ? accepted_response(*stored) : std::move(**stands);
    if (!wait || *wait == 0 || response.status != 202) return answer(std::move(response));
    answer_within(*wait, account, std::move(response), answer);
  });
}

void ReportSubmission::answer_within(std::int64_t wait, const AccountId& account, Response accepted_then,
                                     const Idempotency::Answer& answer) {
  const RequestId id = accepted_id(accepted_then);
  waiter_.until_finished(account, id, wait, [this, account, id, then = std::move(accepted_then), answer] {
    const auto job = jobs_.find(account, id);
    if (!job || !job->finished()) return answer(then);
    Response response = finished_(*job);
    if (was_replayed(then)) response.headers.emplace_back("Idempotency-Replayed", "true");
    answer(std::move(response));
  });
}

}  // namespace tally::http

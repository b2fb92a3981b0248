// The answers that carry a stored result: as a part of the poll, or its bytes as the request of …/result wants them.
#pragma once

#include <memory>

#include "http/request.h"
#include "http/result_bytes.h"
#include "queue/runner.h"

namespace tally::http {

// The answer to a poll: the job, with the result of a completed one, or Retry-After while it is unfinished.
Response poll_response(const queue::Jobs& jobs, const Job& job);

// 200, 206 for a single satisfiable `Range` (whose `If-Range`, if any, is the ETag), 416 for one that is not, 304 for a
// known `If-None-Match`. Other forms of Range are ignored. Without Range the body is gzipped when `Accept-Encoding`
// allows it and it is worth it; the ETag differs then. A large body is read and packed while it is sent, by `execute`.
Response result_response(const Request& request, const std::shared_ptr<const ResultBytes>& bytes,
                         const queue::Executor& execute);

// The same for a job: 409 `not_completed` unless it is.
Response stored_result_response(const queue::Jobs& jobs, const Job& job, const Request& request,
                                const queue::Executor& execute);

}  // namespace tally::http

// What a dialect brings to a report job: how its result is computed and how the finished job is told.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/job.h"
#include "core/result.h"
#include "queue/runner.h"

namespace tally::http {

struct ReportKind {
  // On a worker thread: the result's bytes, to be stored.
  std::function<Result<std::string>(const Job& job, queue::JobContext& context)> compute;
  // The JSON body of a poll, and byte for byte of the callback, for a job in any state. `result` is empty unless
  // completed.
  std::function<std::string(const Job& job, std::string_view result)> render;
};

}  // namespace tally::http

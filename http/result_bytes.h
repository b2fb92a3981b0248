// The bytes of a stored result, read where they lie.
#pragma once

#include <cstdint>
#include <string>

#include "core/job.h"
#include "core/stored_result.h"
#include "queue/jobs.h"

namespace tally::http {

// `jobs` must outlive it.
class ResultBytes {
 public:
  ResultBytes(const queue::Jobs& jobs, const Job& job, StoredResult result);

  std::uint64_t size() const noexcept { return result_.bytes(); }
  const StoredResult& result() const noexcept { return result_; }

  // Bytes from `offset` on: at least one, unless it is the end, and at most `at_most`. What fits into one read of the
  // store comes at once.
  Result<std::string> read(std::uint64_t offset, std::uint64_t at_most) const;

 private:
  const queue::Jobs& jobs_;
  AccountId account_;
  RequestId id_;
  StoredResult result_;
};

}  // namespace tally::http

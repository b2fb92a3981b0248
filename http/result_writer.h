// Rows into the stored result of a job: a small one whole, a large one in parts, with its digest on the way.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/stored_result.h"
#include "http/report_format.h"
#include "queue/runner.h"
#include "storage/digest.h"

namespace tally::http {

inline constexpr std::size_t result_part_bytes = 256 * 1024;  // about: parts end where a row does

class ResultWriter {
 public:
  // `context` takes the parts; null: there is no save().
  ResultWriter(ReportFormat format, const TableShape& shape, std::uint64_t bytes_max, queue::JobContext* context);

  // Takes up what earlier attempts saved; `read_parts` gives their parts in order.
  using ReadParts = std::function<Result<void>(const std::function<bool(std::string_view)>&)>;
  Result<void> resume(const queue::JobContext::Progress& progress, const ReadParts& read_parts);

  // Errc::too_large `result_too_large` past the limit.
  Result<void> row(const TableRow& row);
  // Enough has come together for a part.
  bool is_full() const noexcept { return rows_.size() >= result_part_bytes; }
  // Saves the rows so far with the place where the work goes on.
  Result<void> save(std::string checkpoint, std::uint64_t done, std::uint64_t total);

  // The result's bytes. The digest becomes a member of `facts` behind `as_of`, the number of rows one of the summary.
  Result<std::string> finish(Members facts, const Members& totals);

 private:
  Result<void> check_size() const;

  ReportFormat format_;
  std::unique_ptr<RowEncoder> encoder_;
  std::uint64_t bytes_max_;
  queue::JobContext* context_;
  storage::RunningDigest digest_;
  std::string rows_;
  std::uint64_t saved_parts_ = 0;
  std::uint64_t saved_bytes_ = 0;
  bool first_ = true;
};

}  // namespace tally::http

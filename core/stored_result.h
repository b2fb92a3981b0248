// The stored result of a report.
//
// The document is head, rows, tail. A small one is one row of the store; most rows of a large one lie in parts of their
// own (queue/jobs.h). The head tells the rows' digest, so it is written last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/report_task.h"

namespace tally {

struct StoredResult {
  ReportFormat format = ReportFormat::json;
  std::string head;
  std::uint64_t parts = 0;       // that the rows begin with
  std::uint64_t part_bytes = 0;  // of all of these
  std::string rows;              // the rest
  std::string tail;
  std::string etag;     // hex: equal for equal documents
  std::string summary;  // a JSON object about the document, for who polls

  std::uint64_t bytes() const noexcept { return head.size() + part_bytes + rows.size() + tail.size(); }
};

std::string encode(const StoredResult& result);
Result<StoredResult> decode_stored_result(std::string_view bytes);
// Whether the bytes are a StoredResult, or an encoded Report, as results were before there were formats.
bool is_stored_result(std::string_view bytes) noexcept;

}  // namespace tally

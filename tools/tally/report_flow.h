// A report from its order to its result: a customer's, or the operator's over many accounts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/tally/api.h"
#include "tools/tally/files.h"

namespace tally::tools {

// "/v1/reports", or the operator's.
std::string reports_path(Api::Caller caller);

// What a poll shows while the report is not finished.
using Watch = std::function<void(const Json& job)>;

// Submits the order and waits until the report is completed; answers the finished job. A report that failed or was
// cancelled is Exit::refused, one that takes longer than `timeout_seconds` Exit::unreachable. With `watch` the server
// is asked often enough for a progress bar.
Outcome<Json> make_report(Session& session, Api::Caller caller, const std::string& order, int timeout_seconds,
                          const Watch& watch = {});

// How much of a result has come.
using DownloadWatch = std::function<void(std::int64_t done_bytes, std::int64_t total_bytes)>;

// The bytes of a completed report's result, as the server stores them, in pieces: each is asked for again when the
// connection breaks. Answers how many there were.
Outcome<std::int64_t> download_result(Session& session, Api::Caller caller, const Json& completed, const ByteSink& sink,
                                      const DownloadWatch& watch = {});
// The same as JSON, out of the job itself when it is there.
Outcome<Json> result_of(Session& session, Api::Caller caller, const Json& completed);

// `[#####-----]  43%  4300 of 10000  1200/s  5 s left`; without a total what is known.
std::string report_progress_text(std::int64_t done, std::int64_t total, double seconds);

}  // namespace tally::tools

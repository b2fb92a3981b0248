// A customer's report from its order to its result.
#pragma once

#include <functional>
#include <string>

#include "tools/tally/api.h"

namespace tally::tools {

// What a poll shows while the report is not finished.
using Watch = std::function<void(const Json& job)>;

// Submits the order and waits until the report is completed; answers the finished job. A report that failed or was
// cancelled is Exit::refused, one that takes longer than `timeout_seconds` Exit::unreachable. With `watch` the server
// is asked often enough for a progress bar.
Outcome<Json> make_report(Session& session, const std::string& order, int timeout_seconds, const Watch& watch = {});

// The bytes of a completed report's result, as the server stores them.
Outcome<HttpAnswer> download_result(Session& session, const Json& completed);
// The same as JSON, out of the job itself when it is there.
Outcome<Json> result_of(Session& session, const Json& completed);

// `[#####-----]  43%  4300 of 10000  1200/s  5 s left`; without a total what is known.
std::string report_progress_text(std::int64_t done, std::int64_t total, double seconds);

}  // namespace tally::tools

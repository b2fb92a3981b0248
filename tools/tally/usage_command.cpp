// `tally usage`: submit, wait, print.
#include <algorithm>

#include "tools/tally/api.h"
#include "tools/tally/commands.h"
#include "tools/tally/usage_report.h"

namespace tally::tools {
namespace {

constexpr int wait_seconds_max = 20;  // a poll's; the contract allows 60, proxies often less
constexpr Patience patience{.attempts = 5};

struct Range {
  std::string from;
  std::string to;
};

Outcome<Range> range_of(const Session& session, const UsageQuery& query) {
  if (query.from || query.to) {
    if (!query.from || !query.to || query.month) return Failure{Exit::usage, "give --from and --to, or --month"};
    return Range{*query.from, *query.to};
  }
  const std::string month = query.month ? *query.month : session.clock.now().to_string().substr(0, 7);
  const auto range = month_range(month);
  if (!range) return Failure{Exit::usage, "--month: " + range.error().detail};
  // The server reports no period that has not begun, so the running month is asked for as far as it has come.
  UtcTime to = range->to;
  if (const auto granularity = parse_granularity(query.granularity))
    to = std::min(to, std::max(range->from, next_after(*granularity, session.clock.now())));
  return Range{range->from.to_string(), to.to_string()};
}

bool finished(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

// Polls until the report is finished or the time is up.
Outcome<Json> wait_for(Session& session, const std::string& status_url, int timeout_seconds) {
  const std::int64_t deadline = session.clock.mono().ns + std::int64_t{timeout_seconds} * 1'000'000'000;
  while (true) {
    const std::int64_t left = (deadline - session.clock.mono().ns) / 1'000'000'000;
    const std::int64_t wait = std::clamp<std::int64_t>(left, 0, wait_seconds_max);
    auto answer =
        Api(session, Api::Caller::customer).call("GET", status_url + "?wait=" + std::to_string(wait), {}, patience);
    if (!answer || finished((*answer)["status"].text())) return answer;
    if (session.clock.mono().ns >= deadline) {
      return Failure{Exit::unreachable, "the report is still " + (*answer)["status"].text() + " after " +
                                            std::to_string(timeout_seconds) + " s (--timeout)"};
    }
    session.pause(50);
  }
}

// The result is part of the last poll, or too large for it and fetched.
Outcome<Json> result_of(Session& session, const Json& finished_job) {
  const std::string status = finished_job["status"].text();
  if (status != "completed") {
    const Json error = finished_job["error"];
    return Failure{Exit::refused,
                   "the report " + status + ": " + (error.is_object() ? error["message"].text() : error.text()),
                   error["code"].text()};
  }
  if (finished_job["result"].exists()) return finished_job["result"];
  const std::string path = "/v1/reports/" + url_encoded(finished_job["request_id"].text()) + "/result";
  return Api(session, Api::Caller::customer).call("GET", path, {}, patience);
}

Outcome<Json> fetch(Session& session, const UsageQuery& query) {
  if (session.settings.key.empty())
    return Failure{Exit::usage, "whose usage? give --key (and --secret), or TALLY_KEY and TALLY_SECRET"};
  const auto range = range_of(session, query);
  if (!range) return range.error();
  JsonObject order;
  order.text("type", "usage").text("from", range->from).text("to", range->to).text("granularity", query.granularity);
  if (!query.group_by.empty()) order.texts("group_by", query.group_by);
  auto submitted = Api(session, Api::Caller::customer).call("POST", "/v1/reports", order.str(), patience);
  if (!submitted) return submitted.error();
  const std::string id = (*submitted)["request_id"].text();
  auto done = wait_for(session, "/v1/reports/" + url_encoded(id), query.timeout_seconds);
  if (!done) return done.error();
  return result_of(session, *done);
}

}  // namespace

int usage(Session& session, const UsageQuery& query) {
  const auto result = fetch(session, query);
  if (!result) return report(session, result.error());
  if (session.settings.json) {
    session.out << result->dump() << "\n";
    return static_cast<int>(Exit::ok);
  }
  session.out << "usage of " << printable((*result)["account"].text()) << " from "
              << printable((*result)["from"].text()) << " to " << printable((*result)["to"].text()) << "\n\n"
              << usage_table(*result).to_text(session.settings.color);
  return static_cast<int>(Exit::ok);
}

}  // namespace tally::tools

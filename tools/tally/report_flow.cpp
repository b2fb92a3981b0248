#include "tools/tally/report_flow.h"

#include <algorithm>

namespace tally::tools {
namespace {

constexpr std::int64_t wait_seconds_max = 20;  // a poll's; the contract allows 60, proxies often less
constexpr std::int64_t watched_pause_ms = 250;
constexpr std::int64_t pause_ms = 50;
constexpr Patience patience{.attempts = 5};
constexpr std::int64_t progress_width = 30;
constexpr std::int64_t piece_bytes = 8 << 20;
constexpr int download_seconds_max = 600;  // of a piece

bool finished(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

std::string result_path(Api::Caller caller, const Json& job) {
  return reports_path(caller) + "/" + url_encoded(job["request_id"].text()) + "/result";
}

Outcome<Json> wait_for(Session& session, Api::Caller caller, const std::string& id, int timeout_seconds,
                       const Watch& watch) {
  const std::string status_url = reports_path(caller) + "/" + url_encoded(id);
  const std::int64_t deadline = session.clock.mono().ns + std::int64_t{timeout_seconds} * 1'000'000'000;
  while (true) {
    const std::int64_t left = (deadline - session.clock.mono().ns) / 1'000'000'000;
    const std::int64_t wait = watch ? 0 : std::clamp<std::int64_t>(left, 0, wait_seconds_max);
    auto answer = Api(session, caller).call("GET", status_url + "?wait=" + std::to_string(wait), {}, patience);
    if (!answer || finished((*answer)["status"].text())) return answer;
    if (session.clock.mono().ns >= deadline) {
      return Failure{Exit::unreachable, "the report is still " + (*answer)["status"].text() + " after " +
                                            std::to_string(timeout_seconds) + " s (--timeout)"};
    }
    if (watch) watch(*answer);
    session.pause(watch ? watched_pause_ms : pause_ms);
  }
}

}  // namespace

std::string reports_path(Api::Caller caller) {
  return caller == Api::Caller::customer ? "/v1/reports" : "/operator/v1/reports";
}

Outcome<Json> make_report(Session& session, Api::Caller caller, const std::string& order, int timeout_seconds,
                          const Watch& watch) {
  if (caller == Api::Caller::customer && session.settings.key.empty())
    return Failure{Exit::usage, "whose report? give --key (and --secret), or TALLY_KEY and TALLY_SECRET"};
  auto submitted = Api(session, caller).call("POST", reports_path(caller), order, patience);
  if (!submitted) return submitted;
  auto done = wait_for(session, caller, (*submitted)["request_id"].text(), timeout_seconds, watch);
  if (!done) return done;
  const std::string status = (*done)["status"].text();
  if (status == "completed") return done;
  const Json error = (*done)["error"];
  return Failure{Exit::refused,
                 "the report " + status + ": " + (error.is_object() ? error["message"].text() : error.text()),
                 error["code"].text()};
}

Outcome<std::int64_t> download_result(Session& session, Api::Caller caller, const Json& completed, const ByteSink& sink,
                                      const DownloadWatch& watch) {
  const std::int64_t total = completed["summary"]["bytes"].integer();  // zero: so little that the poll tells it whole
  std::int64_t done = 0;
  do {
    std::pair<std::string, std::string> range;
    if (total > piece_bytes) {
      range = {"Range",
               "bytes=" + std::to_string(done) + "-" + std::to_string(std::min(total, done + piece_bytes) - 1)};
    }
    const auto piece =
        Api(session, caller).send("GET", result_path(caller, completed), "", {}, patience, download_seconds_max, range);
    if (!piece) return piece.error();
    if (auto taken = sink(piece->body); !taken) return Failure{Exit::usage, taken.error().detail};
    done += static_cast<std::int64_t>(piece->body.size());
    if (piece->status != 206) break;  // all at once
    if (piece->body.empty()) return Failure{Exit::unreachable, "the server sends no more of the result"};
    if (watch) watch(done, total);
  } while (done < total);
  return done;
}

Outcome<Json> result_of(Session& session, Api::Caller caller, const Json& completed) {
  if (completed["result"].exists()) return completed["result"];
  return Api(session, caller).call("GET", result_path(caller, completed), {}, patience);
}

std::string report_progress_text(std::int64_t done, std::int64_t total, double seconds) {
  if (total <= 0) return "waiting  " + std::to_string(static_cast<std::int64_t>(seconds)) + " s";
  const std::int64_t share = std::clamp<std::int64_t>(done, 0, total);
  const auto part = static_cast<double>(share) / static_cast<double>(total);
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(progress_width));
  const std::string percent = std::to_string(static_cast<int>(part * 100));
  std::string text = "[" + std::string(filled, '#') + std::string(progress_width - filled, '-') + "] " +
                     std::string(3 - std::min<std::size_t>(3, percent.size()), ' ') + percent + "%  " +
                     std::to_string(share) + " of " + std::to_string(total);
  if (share == 0 || seconds <= 0) return text;
  const double rate = static_cast<double>(share) / seconds;
  text += "  " + std::to_string(static_cast<std::int64_t>(rate)) + "/s";
  text += "  " + std::to_string(static_cast<std::int64_t>(static_cast<double>(total - share) / rate)) + " s left";
  return text;
}

}  // namespace tally::tools

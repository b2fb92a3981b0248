#include "tools/tally/api.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "tools/tally/table.h"

namespace tally::tools {
namespace {

constexpr std::int64_t retry_after_ms_max = 60'000;
constexpr std::int64_t backoff_first_ms = 250;
constexpr std::int64_t backoff_ms_max = 10'000;
constexpr Patience post_patience{4};

bool worth_repeating(int status) noexcept {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::int64_t wait_ms(const std::string& retry_after, int attempt, Random& random) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  if (error == std::errc() && end == retry_after.data() + retry_after.size() && seconds >= 0) {
    return std::min(std::min(seconds, retry_after_ms_max) * 1000, retry_after_ms_max);
  }
  const std::int64_t backoff = std::min(backoff_first_ms << std::min(attempt, 10), backoff_ms_max);
  return backoff / 2 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(backoff / 2) + 1));
}

Failure unreachable(const Settings& settings, const Error& error) {
  const Exit exit = error.code == Errc::invalid_argument ? Exit::usage : Exit::unreachable;
  return {exit, "no answer from " + settings.server + ": " + error.detail};
}

}  // namespace

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::logic_error("value() of a failure: " + failure.text);
}

int report(Session& session, const Failure& failure) {
  session.err << "tally: " << printable(failure.text) << "\n";
  if (session.settings.json) {
    JsonObject error;
    error.text("message", failure.text).text("code", failure.code).integer("status", failure.status);
    session.out << JsonObject().raw("error", error.str()).str() << "\n";
  }
  return static_cast<int>(failure.exit);
}

Outcome<HttpAnswer> Api::send(const std::string& method, const std::string& path, const std::string& media_type,
                              std::string body, Patience patience, int timeout_seconds,
                              const std::pair<std::string, std::string>& header) {
  const Settings& settings = session_.settings;
  HttpRequest request{
      method, settings.server + path, {{"Accept", "application/json"}}, std::move(body), timeout_seconds};
  if (!request.body.empty()) request.headers.emplace_back("Content-Type", media_type);
  if (caller_ == Caller::operator_) {
    request.headers.emplace_back("Authorization", "Bearer " + settings.operator_token);
  } else {
    request.headers.emplace_back("X-API-Key", settings.key);
    if (!settings.secret.empty()) request.headers.emplace_back("X-API-Secret", settings.secret);
  }
  if (!header.first.empty()) request.headers.push_back(header);
  for (int attempt = 0;; ++attempt) {
    auto answer = session_.transport.send(request);
    const bool last = attempt + 1 >= patience.attempts;
    if (answer && (!worth_repeating(answer->status) || last)) {
      if (answer->status >= 200 && answer->status < 300) return std::move(*answer);
      return failure_of(*answer);
    }
    if (!answer && (answer.error().code != Errc::unavailable || last)) return unreachable(settings, answer.error());
    session_.pause(wait_ms(answer ? answer->retry_after : std::string(), attempt, session_.random));
  }
}

Outcome<Json> Api::call(const std::string& method, const std::string& path, const std::string& body,
                        Patience patience) {
  return parsed(send(method, path, "application/json", body, patience));
}

Outcome<Json> Api::post(const std::string& path, const std::string& body, const std::string& idempotency_key) {
  const std::string key = idempotency_key.empty() ? "cli_" + session_.random.hex(16) : idempotency_key;
  auto answer = parsed(send("POST", path, "application/json", body, post_patience, 60, {"Idempotency-Key", key}));
  if (answer || answer.error().exit != Exit::unreachable) return answer;
  Failure failure = answer.error();
  failure.text +=
      "; whether it was done is unknown: the same command with --idempotency-key " + key + " finishes it, once";
  return failure;
}

Outcome<Json> Api::parsed(Outcome<HttpAnswer> answer) const {
  if (!answer) return answer.error();
  if (answer->body.empty()) return Json();
  auto json = Json::parse(answer->body);
  if (!json) {
    return Failure{
        Exit::refused,
        "the answer of " + session_.settings.server + " is " + json.error().detail + "; is it a Tally server?",
        {},
        answer->status};
  }
  return std::move(*json);
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', "0123456789ABCDEF"[byte >> 4U], "0123456789ABCDEF"[byte & 15U]};
  }
  return out;
}

Failure failure_of(const HttpAnswer& answer) {
  Failure failure;
  failure.status = answer.status;
  const auto json = Json::parse(answer.body);
  const Json problem = json ? *json : Json();
  failure.code = problem["code"].text();
  const std::string title = problem["title"].text();
  const std::string detail = problem["detail"].text();
  std::string what = title + (title.empty() || detail.empty() ? "" : ": ") + detail;
  if (what.empty()) what = problem["message"].text();
  if (what.empty()) what = answer.body.substr(0, 200);
  failure.text = "the server refused (" + std::to_string(answer.status) +
                 (failure.code.empty() ? "" : " " + failure.code) + ")" + (what.empty() ? "" : ": " + what);
  return failure;
}

}  // namespace tally::tools

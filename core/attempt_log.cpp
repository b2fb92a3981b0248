#include "core/attempt_log.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t attempts_version = 1;

std::string encode_attempts(std::span<const AttemptRecord> attempts) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(attempts_version);
  out.u64(attempts.size());
  for (const AttemptRecord& attempt : attempts) {
    write_time(out, attempt.started_at);
    out.i64(attempt.took_ms);
    out.text(attempt.url);
    out.i64(attempt.status);
    out.text(attempt.error);
    out.text(attempt.response);
  }
  return bytes;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> sent_headers(const Delivery& delivery, const AttemptRecord& attempt) {
  if (attempt.url.empty()) return {};
  std::vector<std::pair<std::string, std::string>> headers = {
      {"content-type", "application/json"},
      {"user-agent", delivery_user_agent},
      {"webhook-id", delivery.id.str()},
      {"webhook-timestamp", std::to_string(attempt.started_at.seconds())}};
  if (delivery.webhook_id == payments_webhook_id) headers.emplace_back("idempotency-key", delivery.id.str());
  return headers;
}

Result<std::vector<AttemptRecord>> decode_attempts(std::string_view records) {
  std::vector<AttemptRecord> attempts;
  if (records.empty()) return attempts;
  Decoder in(records);
  if (in.u8() != attempts_version) in.reject();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    AttemptRecord& attempt = attempts.emplace_back();
    attempt.started_at = read_time(in);
    attempt.took_ms = in.i64();
    attempt.url = in.text();
    attempt.status = read_int(in);
    attempt.error = in.text();
    attempt.response = in.text();
  }
  if (!in.done()) return fail(Errc::corrupt, "a delivery's attempts cannot be read");
  return attempts;
}

std::string join_attempts(std::string_view earlier, std::string_view later) {
  std::vector<AttemptRecord> attempts;
  for (const std::string_view records : {earlier, later}) {
    auto read = decode_attempts(records);
    if (read) std::move(read->begin(), read->end(), std::back_inserter(attempts));
  }
  if (attempts.empty()) return {};
  return encode_attempts(std::span(attempts).last(std::min(attempts.size(), attempts_kept_max)));
}

Result<std::vector<AttemptRecord>> attempts_of(const Delivery& delivery, std::string_view earlier) {
  for (const std::string_view records : {earlier, std::string_view(delivery.latest_attempt)}) {
    if (auto read = decode_attempts(records); !read) return read.error();
  }
  return decode_attempts(join_attempts(earlier, delivery.latest_attempt));
}

std::string append_attempt(std::string_view records, const AttemptOutcome& outcome) {
  const AttemptRecord attempt{outcome.started_at, outcome.took_ms, outcome.url,
                              outcome.status,     outcome.error,   outcome.body.substr(0, attempt_response_bytes_max)};
  std::string one = encode_attempts({&attempt, 1});
  return records.empty() ? one : join_attempts(records, one);
}

}  // namespace tally

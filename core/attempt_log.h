// How the attempts of a delivery went, kept for the operator.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/delivery.h"

namespace tally {

inline constexpr const char* delivery_user_agent = "tally/0.1";
inline constexpr std::size_t attempts_kept_max = 10;             // of one delivery, the latest
inline constexpr std::size_t attempt_response_bytes_max = 1024;  // the beginning of the response's body

struct AttemptRecord {
  UtcTime started_at;  // also the time that was signed, to the second
  std::int64_t took_ms = 0;
  std::string url;  // empty: nothing was sent
  int status = 0;
  std::string error;
  std::string response;  // any bytes
};

// Name and value of the headers that the attempt carried, but for the signature; none if nothing was sent.
std::vector<std::pair<std::string, std::string>> sent_headers(const Delivery& delivery, const AttemptRecord& attempt);

// Appends what `outcome` tells to the encoded records of earlier attempts (empty: there were none). Bytes that cannot
// be read are begun anew: a log must not stop a delivery.
std::string append_attempt(std::string_view records, const AttemptOutcome& outcome);

// As append_attempt, of encoded records.
std::string join_attempts(std::string_view earlier, std::string_view later);

Result<std::vector<AttemptRecord>> decode_attempts(std::string_view records);

// The latest attempts; `earlier` is the delivery's row of Table::delivery_attempts.
Result<std::vector<AttemptRecord>> attempts_of(const Delivery& delivery, std::string_view earlier);

}  // namespace tally

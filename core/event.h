// A usage event: one call of a customer to the company's API, as the gateway reports it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/credits.h"
#include "core/ids.h"
#include "core/result.h"
#include "core/time.h"

namespace tally {

struct UsageEvent {
  std::string id;      // unique within account and source
  std::string source;  // may be empty
  AccountId account;
  std::string endpoint;
  UtcTime time;
  bool ok = true;
  std::int64_t results = 1;
  std::optional<Credits> credits;  // overrides the price
  std::vector<std::pair<std::string, std::int64_t>> options;
  std::string key;      // the API key that made the call, for group_by=key; may be empty
  std::string details;  // a flat JSON object as text, kept; may be empty
};

inline constexpr std::size_t event_id_bytes_max = 255;
inline constexpr std::size_t event_source_bytes_max = 255;
inline constexpr std::size_t event_endpoint_bytes_max = 255;
inline constexpr std::size_t event_key_bytes_max = 63;
inline constexpr std::size_t event_details_bytes_max = 4096;
inline constexpr std::size_t event_options_max = 16;
inline constexpr std::size_t event_option_bytes_max = 255;  // of an option's name
inline constexpr std::int64_t event_results_max = 1'000'000'000;
inline constexpr std::int64_t event_future_ms_max = 5 * minute_ms;

// The rules of the contract, each refusal with its own `rule`: missing_id, invalid_id, invalid_source, invalid_account,
// missing_endpoint, invalid_endpoint, invalid_time (more than 5 minutes ahead of `now`), invalid_results,
// invalid_credits (negative), invalid_options (also a name twice, or a count above event_results_max), invalid_key,
// details_too_large. Text must be printable: bytes 0x00-0x1f and 0x7f are refused.
Result<void> validate(const UsageEvent& event, UtcTime now);

}  // namespace tally

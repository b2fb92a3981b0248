#include "core/event.h"

#include <algorithm>

namespace tally {
namespace {

bool is_printable(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_text(std::string_view text, std::size_t bytes_max) noexcept {
  return text.size() <= bytes_max && is_printable(text);
}

Error refuse(const char* detail, const char* rule) {
  return fail(Errc::invalid_argument, detail, rule);
}

bool options_are_valid(const UsageEvent& event) noexcept {
  const auto& options = event.options;
  if (options.size() > event_options_max) return false;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const auto& [name, count] = options[i];
    if (name.empty() || !is_text(name, event_option_bytes_max) || count < 0 || count > event_results_max) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (options[j].first == name) return false;
    }
  }
  return true;
}

}  // namespace

Result<void> validate(const UsageEvent& event, UtcTime now) {
  if (event.id.empty()) return refuse("an event needs an id", "missing_id");
  if (!is_text(event.id, event_id_bytes_max)) return refuse("id is printable text of at most 255 bytes", "invalid_id");
  if (!is_text(event.source, event_source_bytes_max)) {
    return refuse("source is printable text of at most 255 bytes", "invalid_source");
  }
  if (!is_account_id(event.account.str())) return refuse("account is not an account id", "invalid_account");
  if (event.endpoint.empty()) return refuse("an event needs an endpoint", "missing_endpoint");
  if (!is_text(event.endpoint, event_endpoint_bytes_max)) {
    return refuse("endpoint is printable text of at most 255 bytes", "invalid_endpoint");
  }
  if (event.time < UtcTime() || event.time > utc_time_max) return refuse("time is out of range", "invalid_time");
  if (event.time > now + event_future_ms_max) return refuse("time is more than 5 minutes ahead", "invalid_time");
  if (event.results < 0 || event.results > event_results_max) {
    return refuse("results is a count of at most 1,000,000,000", "invalid_results");
  }
  if (event.credits && event.credits->negative()) return refuse("credits must not be negative", "invalid_credits");
  if (!options_are_valid(event)) {
    return refuse("options are at most 16 different names with counts of at most 1,000,000,000", "invalid_options");
  }
  if (!is_text(event.key, event_key_bytes_max))
    return refuse("key is printable text of at most 63 bytes", "invalid_key");
  if (event.details.size() > event_details_bytes_max) {
    return refuse("details are at most 4096 bytes", "details_too_large");
  }
  return {};
}

}  // namespace tally

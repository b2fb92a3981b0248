// Identifiers that do not mix: an AccountId is no KeyId, although both are text.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace tally {

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  const std::string& str() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::string text_;
};

using AccountId = Id<struct AccountTag>;
using KeyId = Id<struct KeyTag>;
using RequestId = Id<struct RequestTag>;    // of a report job
using DeliveryId = Id<struct DeliveryTag>;  // of a webhook delivery; also the `webhook-id` header

// `[a-z0-9][a-z0-9_-]{0,62}`, else Errc::invalid_argument.
Result<AccountId> parse_account_id(std::string_view text);
bool is_account_id(std::string_view text) noexcept;

// 32 hex digits from `random`, '_', Unix seconds, '_', a 4-digit sequence: the shape that the Nyne document shows.
RequestId make_request_id(Random& random, UtcTime now, std::uint32_t sequence);
// True for text of that shape; anything else cannot name a job and need not be looked up.
bool looks_like_request_id(std::string_view text) noexcept;
// When it was made, to the second; the epoch for text that is none.
UtcTime made_at(const RequestId& id) noexcept;

// `prefix` + '_' + 24 hex digits: "key_…", "msg_…".
std::string make_id(Random& random, std::string_view prefix);

}  // namespace tally

template <class Tag>
struct std::hash<tally::Id<Tag>> {
  std::size_t operator()(const tally::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.str()); }
};

// The signature of a delivery, as the Standard Webhooks specification defines it: HMAC-SHA256 over "id.timestamp.body".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/account.h"
#include "core/clock.h"
#include "core/result.h"

namespace tally::webhook {

// The values of the three headers `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`.
struct SignatureHeaders {
  std::string id;
  std::string timestamp;
  std::string signature;  // one or more "v1,<base64>" separated by spaces
};

inline constexpr std::int64_t signature_tolerance_seconds = 300;

// A new secret: "whsec_" and 32 random bytes in base64.
std::string make_secret(Random& random);

// Signs with the current secret and, until `previous_until`, with the previous one too, so that a receiver can change
// over. Errc::invalid_argument, rule "invalid_secret": a secret is not "whsec_" and the canonical base64 of 24 to 64
// bytes.
Result<SignatureHeaders> sign(const WebhookSecrets& secrets, const DeliveryId& id, std::string_view body, UtcTime now);

// What a receiver does. Compares in constant time; one matching signature of the list is enough, unknown versions are
// skipped. Errc::invalid_argument with the rule "invalid_secret", "invalid_timestamp" (no number, or more than the
// tolerance away from `now`) or "invalid_signature".
Result<void> verify(std::string_view secret, const SignatureHeaders& headers, std::string_view body, UtcTime now);

}  // namespace tally::webhook

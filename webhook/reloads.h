// Auto-reload: what the operator's payment system answered to a request, and what that does to the ledger.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/delivery.h"
#include "storage/ledgers.h"

namespace tally::webhook {

inline constexpr std::string_view reload_event = "payment.reload";

// "reload_<account>.<number>": the delivery's id, and so the request's `webhook-id`, and its idempotency key. The same
// request has the same one whatever crashed.
DeliveryId reload_id(const AccountId& account, std::uint64_t number);
// Of a reload_id of that account; else nothing.
std::optional<std::uint64_t> reload_number(const DeliveryId& id, const AccountId& account);

struct ReloadAnswer {
  enum class Kind : std::uint8_t { paid = 1, declined, unknown };
  Kind kind = Kind::unknown;
  std::string reference;  // of the payment
};
// A 2xx with a reference is paid. A 4xx is declined, except those that do not say so: 408, 409 (a request under this
// key is still running), 425 and 429. After anything else, silence too, the payment may have been made.
ReloadAnswer judge_reload(const AttemptOutcome& outcome, const std::optional<std::string>& reference);

// Records the outcomes of requests together with what they do to the ledger. Thread-safe.
class Reloads {
 public:
  // `reference_in` reads the answer's body: the `reference` of a payment, or nothing.
  using ReferenceIn = std::function<std::optional<std::string>(const std::string& body)>;
  Reloads(storage::Ledgers& ledgers, ReferenceIn reference_in);

  // Within the command that records the attempt of a delivery to the payment system. Paid: grants, once, and the
  // delivery is delivered. Declined: the ledger asks anew after a while, and the delivery is dead. Unknown: the
  // delivery is pending for reload_backoff_ms, for as often as it takes, and the ledger asks for nothing else
  // meanwhile.
  Result<void> record(storage::AccountTx& tx, Delivery& delivery, const AttemptOutcome& outcome, UtcTime now);

 private:
  storage::Ledgers& ledgers_;
  ReferenceIn reference_in_;
};

}  // namespace tally::webhook

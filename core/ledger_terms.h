// What a ledger must know of its account: limits, allocation, thresholds, auto-reload.
#pragma once

#include <optional>
#include <vector>

#include "core/credits.h"

namespace tally {

// One request to the operator's payment system at a time.
struct AutoReload {
  bool enabled = false;
  Credits threshold;                 // asked when less than this is available
  Credits amount;                    // > 0
  std::optional<Credits> daily_cap;  // of requests, per UTC day; refused ones do not count
  friend bool operator==(const AutoReload&, const AutoReload&) = default;
};

struct LedgerTerms {
  Credits overdraft_limit;
  bool unlimited = false;  // metered and priced, never debited
  std::optional<Credits> monthly_allocation;
  bool rollover = false;
  std::optional<Credits> rollover_cap;
  std::vector<Credits> low_balance_thresholds;
  AutoReload reload;
};

}  // namespace tally

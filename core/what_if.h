// What usage would have cost under other prices. Pure.
#pragma once

#include <map>
#include <string>

#include "core/credits.h"
#include "core/price.h"
#include "core/rollup.h"

namespace tally {

// A price that is being considered. Rollups count units, not options: a draft has none.
struct DraftPrice {
  Credits credits;  // per unit, not negative
  ChargeOn charge_on = ChargeOn::result;
};
using DraftPrices = std::map<std::string, DraftPrice, std::less<>>;  // by endpoint

inline constexpr std::size_t draft_prices_max = 1'000;

struct CostComparison {
  Credits old_cost;    // what was charged, whatever for: units, options, an event's own credits
  Credits new_cost;    // all units at the draft's price; without one for the endpoint, the old cost
  Credits difference;  // new - old
};

// Of one endpoint's usage. Errc::invalid_argument `charge_out_of_range` when an amount leaves int64.
Result<CostComparison> compare_costs(const DraftPrices& draft, std::string_view endpoint, const Counters& usage);

}  // namespace tally

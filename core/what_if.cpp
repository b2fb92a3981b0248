#include "core/what_if.h"

namespace tally {
namespace {

std::int64_t counted_units(const Counters& usage, ChargeOn charge_on) noexcept {
  switch (charge_on) {
    case ChargeOn::result:
      return usage.results;
    case ChargeOn::success:
      return usage.ok;
    case ChargeOn::request:
      return usage.requests;
  }
  return 0;
}

}  // namespace

Result<CostComparison> compare_costs(const DraftPrices& draft, std::string_view endpoint, const Counters& usage) {
  CostComparison costs;
  costs.old_cost = costs.new_cost = Credits::from_micros(usage.credits_micros);
  const auto price = draft.find(endpoint);
  if (price == draft.end()) return costs;
  const auto drafted = multiply(price->second.credits, counted_units(usage, price->second.charge_on));
  const auto difference = drafted ? subtract(*drafted, costs.old_cost) : drafted;
  if (!difference) {
    return fail(Errc::invalid_argument, "the draft price of " + std::string(endpoint) + " leaves the range of amounts",
                "charge_out_of_range");
  }
  costs.new_cost = *drafted;
  costs.difference = *difference;
  return costs;
}

}  // namespace tally

#include "core/what_if.h"

#include <doctest/doctest.h>

#include <limits>

namespace what_if_test {

using namespace tally;

namespace {

// 10 requests, 8 of them worked, 20 results, 5 credits.
const Counters usage{10, 8, 2, 20, 5'000'000};

CostComparison compared(ChargeOn charge_on) {
  const DraftPrices draft{{"search", {Credits::from_micros(1'000'000), charge_on}}};
  return compare_costs(draft, "search", usage).value();
}

}  // namespace

TEST_CASE("what_if: the unit that a draft charges for is the one that was counted") {
  CHECK(compared(ChargeOn::result).new_cost.to_string() == "20");
  CHECK(compared(ChargeOn::success).new_cost.to_string() == "8");
  CHECK(compared(ChargeOn::request).new_cost.to_string() == "10");
  CHECK(compared(ChargeOn::success).old_cost.to_string() == "5");
  CHECK(compared(ChargeOn::success).difference.to_string() == "3");
}

TEST_CASE("what_if: an endpoint without a draft price costs what it cost") {
  const CostComparison costs = compare_costs({}, "search", usage).value();
  CHECK(costs.new_cost.to_string() == "5");
  CHECK(costs.difference == Credits());
}

TEST_CASE("what_if: a price that leaves the range of amounts is refused") {
  const DraftPrices draft{
      {"search", {Credits::from_micros(std::numeric_limits<std::int64_t>::max()), ChargeOn::result}}};
  CHECK(compare_costs(draft, "search", usage).error().rule == "charge_out_of_range");
}

}  // namespace what_if_test

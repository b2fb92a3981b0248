// Arithmetic of the ledger's own files, where the rules have seen to it that nothing leaves int64.
#pragma once

#include <cstdint>
#include <limits>

#include "core/ledger.h"

namespace tally::ledger_amounts {

// Sums of int64 amounts that may pass int64 on the way.
__extension__ using Wide = __int128;
inline constexpr std::int64_t credits_max = std::numeric_limits<std::int64_t>::max();

inline Credits plus(Credits a, Credits b) {
  return add(a, b).value();
}
inline Credits minus(Credits a, Credits b) {
  return subtract(a, b).value();
}
inline Credits negated(Credits a) {
  return minus(Credits(), a);
}

inline Error invalid(const char* rule, const char* detail) {
  return fail(Errc::invalid_argument, detail, rule);
}
inline Error out_of_range() {
  return invalid("amount_out_of_range", "the balance would leave the range of amounts");
}

// Lots that end with their month.
inline bool is_of_a_month(LotOrigin origin) noexcept {
  return origin == LotOrigin::allocation || origin == LotOrigin::rollover;
}

}  // namespace tally::ledger_amounts

// Holds: credits set aside, and settled, released or expired once.
#include "core/ledger.h"

#include <algorithm>

#include "core/ledger_amounts.h"

namespace tally {

using namespace ledger_amounts;

namespace {

Wide spendable(const LedgerState& state, const LedgerTerms& terms) noexcept {
  return Wide{state.balance.micros()} - state.reserved.micros() + terms.overdraft_limit.micros();
}

}  // namespace

Result<Hold> Ledger::hold(const HoldRequest& request) {
  if (request.credits < Credits()) return invalid("invalid_amount", "credits must not be negative");
  if (request.ttl_ms <= 0 || request.ttl_ms > hold_ttl_ms_max)
    return invalid("invalid_ttl", "ttl_seconds must be from 1 second to 7 days");
  if (state_.holds.size() >= open_holds_max)
    return fail(Errc::rate_limited, "an account has at most 10000 open holds", "too_many_holds");
  Hold hold;
  hold.credits = request.credits;
  if (!terms_.unlimited) {
    if (Wide{request.credits.micros()} > spendable(state_, terms_))
      return fail(Errc::insufficient_credits, "the account has fewer credits available");
    if (!add(state_.reserved, request.credits)) return out_of_range();
    hold.reserved = request.credits;
  }
  state_.reserved = plus(state_.reserved, hold.reserved);
  hold.number = ++state_.last_hold;
  hold.created_at = at_;
  hold.expires_at = at_ + request.ttl_ms;
  hold.endpoint = request.endpoint;
  hold.price_version = request.price_version;
  add_hold(state_, hold);
  changes_.holds.push_back(hold);
  changes_.changed = true;
  return hold;
}

// Takes the hold out of the state and frees what it had reserved.
Hold Ledger::resolve(std::uint64_t number, HoldStatus status) {
  const auto found = state_.holds.find(number);
  Hold hold = std::move(found->second);
  state_.holds.erase(found);
  state_.hold_expiries.erase({hold.expires_at, number});
  state_.reserved = minus(state_.reserved, hold.reserved);
  hold.status = status;
  hold.resolved_at = at_;
  changes_.changed = true;
  return hold;
}

Result<Hold> Ledger::settle(std::uint64_t number, const Debit& debit) {
  const auto found = state_.holds.find(number);
  if (found == state_.holds.end()) return fail(Errc::not_found, "no such open hold");
  if (debit.amount < Credits()) return invalid("invalid_amount", "credits must not be negative");
  const Credits reserved = found->second.reserved;
  const Credits covered = std::min(debit.amount, reserved);
  const Credits more = minus(debit.amount, covered);
  if (!terms_.unlimited) {
    if (more > Credits() && Wide{more.micros()} > spendable(state_, terms_))
      return fail(Errc::insufficient_credits, "the account has fewer credits available than the hold lacks");
    if (!add(state_.debt(), debit.amount)) return out_of_range();
  }

  Hold hold = resolve(number, HoldStatus::settled);
  hold.settled = debit.amount;
  hold.event_source = debit.event_source;
  hold.event_id = debit.event_id;
  if (!terms_.unlimited && debit.amount > Credits()) {
    std::vector<LotShare> shares;
    burn(covered, true, shares);
    burn(more, false, shares);
    // One share a lot, though it may have paid for both parts.
    for (std::size_t i = 1; i < shares.size(); ++i) {
      const auto same = std::find_if(shares.begin(), shares.begin() + static_cast<std::ptrdiff_t>(i),
                                     [&](const LotShare& s) { return s.lot == shares[i].lot; });
      if (same == shares.begin() + static_cast<std::ptrdiff_t>(i)) continue;
      same->amount = plus(same->amount, shares[i].amount);
      shares.erase(shares.begin() + static_cast<std::ptrdiff_t>(i--));
    }
    LedgerEntry& entry = post(EntryType::debit, negated(debit.amount), std::move(shares));
    entry.endpoint = debit.endpoint;
    entry.event_source = debit.event_source;
    entry.event_id = debit.event_id;
    entry.hold = number;
    entry.price_version = debit.price_version;
    entry.description = debit.description;
    entry.reference = debit.reference;
    seal(entry);
    hold.entry = entry.seq;
  }
  changes_.holds.push_back(hold);
  expire_lots();
  return hold;
}

Result<Hold> Ledger::release(std::uint64_t number) {
  if (!state_.holds.contains(number)) return fail(Errc::not_found, "no such open hold");
  Hold hold = resolve(number, HoldStatus::released);
  changes_.holds.push_back(hold);
  expire_lots();
  return hold;
}

}  // namespace tally

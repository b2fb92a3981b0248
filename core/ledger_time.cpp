// What time alone changes: holds that expire, months that turn, lots that leave.
#include "core/ledger.h"

#include <algorithm>

#include "core/ledger_amounts.h"

namespace tally {

using namespace ledger_amounts;

std::optional<Ledger::NextDue> Ledger::next_due() const {
  std::optional<NextDue> next;
  const auto consider = [&](UtcTime at, Due what) {
    if (!next || std::pair(at, what) < std::pair(next->at, next->what)) next = {at, what};
  };
  if (!state_.hold_expiries.empty()) consider(state_.hold_expiries.begin()->first, Due::hold);
  if (state_.allocated_month >= 0) consider(start_of_month(state_.allocated_month + 1), Due::month);
  for (const OpenLot& lot : state_.lots) {
    // Credits of expired lots that holds need wait for an operation, not for a time.
    if (!lot.expires_at || is_expired(lot)) continue;
    consider(*lot.expires_at, Due::lot);
    if (!lot.expiry_announced && !is_of_a_month(lot.origin)) consider(*lot.expires_at - expiry_notice_ms, Due::notice);
  }
  if (const auto at = reload_due()) consider(*at, Due::reload);
  return next;
}

// at_ walks from due time to due time; `is_expired` and the dates of entries follow it.
void Ledger::advance(UtcTime now) {
  at_ = state_.last_at;
  for (auto due = next_due(); due && due->at <= now; due = next_due()) {
    at_ = std::max(at_, due->at);
    switch (due->what) {
      case Due::hold:
        expire_hold(state_.hold_expiries.begin()->second);
        break;
      case Due::month:
        turn_month();
        break;
      case Due::lot:
        break;
      case Due::notice:
        announce_expiries();
        break;
      case Due::reload:
        request_reload();
        break;
    }
    changes_.changed = true;
    // Lots come last of what is due at one time: those of the month that ends are still there when it turns.
    const auto next = next_due();
    if (!next || next->at > at_ || next->what > Due::month) expire_lots();
  }
  at_ = now;
}

void Ledger::expire_hold(std::uint64_t number) {
  changes_.holds.push_back(resolve(number, HoldStatus::expired));
}

void Ledger::turn_month() {
  if (!terms_.monthly_allocation) {
    state_.allocated_month = -1;
    return;
  }
  const std::int32_t month = ++state_.allocated_month;
  const UtcTime begin = start_of_month(month);
  const UtcTime end = start_of_month(month + 1);
  Wide left = 0;
  for (const OpenLot& lot : state_.lots) {
    if (is_of_a_month(lot.origin) && lot.expires_at == begin) left += lot.remaining.micros();
  }
  if (terms_.rollover && left > 0) {
    const Wide cap = terms_.rollover_cap ? Wide{terms_.rollover_cap->micros()} : Wide{credits_max};
    give_lot(LotOrigin::rollover, Credits::from_micros(static_cast<std::int64_t>(std::min(left, cap))), end,
             "rollover of the month before");
  }
  give_lot(LotOrigin::allocation, *terms_.monthly_allocation, end, "monthly allocation");
}

void Ledger::expire_lots() {
  std::vector<OpenLot*> expired;
  Wide in_expired = 0;
  for (OpenLot& lot : state_.lots) {
    if (!is_expired(lot)) continue;
    expired.push_back(&lot);
    in_expired += lot.remaining.micros();
  }
  if (expired.empty()) return;
  const Wide unexpired = Wide{state_.in_lots.micros()} - in_expired;
  const Wide needed = std::max(Wide{0}, Wide{state_.reserved.micros()} - unexpired);
  Wide leaving = in_expired - needed;
  std::sort(expired.begin(), expired.end(), [](const OpenLot* a, const OpenLot* b) {
    return std::pair(*a->expires_at, a->number) < std::pair(*b->expires_at, b->number);
  });
  for (OpenLot* lot : expired) {
    if (leaving <= 0) break;
    const auto amount =
        Credits::from_micros(static_cast<std::int64_t>(std::min(leaving, Wide{lot->remaining.micros()})));
    leaving -= amount.micros();
    std::vector<LotShare> shares;
    take(*lot, amount, shares);
    seal(post(EntryType::expiry, negated(amount), std::move(shares)));
  }
  drop_empty_lots();
}

void Ledger::announce_expiries() {
  for (OpenLot& lot : state_.lots) {
    if (!lot.expires_at || lot.expiry_announced || is_of_a_month(lot.origin) || is_expired(lot)) continue;
    if (*lot.expires_at - expiry_notice_ms > at_) continue;
    lot.expiry_announced = true;
    changes_.changed = true;
    changes_.notices.push_back(
        {Notice::Kind::expiring, state_.available(), lot.remaining, lot.number, *lot.expires_at});
  }
}

Result<void> Ledger::start_allocation(Credits amount) {
  if (amount < Credits()) return invalid("invalid_amount", "monthly_allocation must not be negative");
  const std::int32_t month = month_of(at_);
  if (state_.allocated_month >= month) return {};
  if (auto good = check_incoming(amount); !good) return good;
  state_.allocated_month = month;
  changes_.changed = true;
  give_lot(LotOrigin::allocation, amount, start_of_month(month + 1), "monthly allocation");
  expire_lots();
  return {};
}

}  // namespace tally

// Auto-reload: one request to the payment system at a time.
#include "core/ledger.h"

#include <algorithm>

#include "core/ledger_amounts.h"

namespace tally {

using namespace ledger_amounts;

std::optional<UtcTime> Ledger::reload_due() const {
  const AutoReload& reload = terms_.reload;
  if (!reload.enabled || terms_.unlimited || state_.reload.pending || state_.available() >= reload.threshold)
    return std::nullopt;
  UtcTime at = std::max(at_, state_.reload.not_before);
  if (reload.daily_cap) {
    if (reload.amount > *reload.daily_cap) return std::nullopt;
    const bool used_up = day_of(at) <= state_.reload.day &&
                         Wide{state_.reload.paid.micros()} + reload.amount.micros() > reload.daily_cap->micros();
    if (used_up) at = start_of_day(state_.reload.day + 1);
  }
  return at;
}

void Ledger::request_reload() {
  ReloadState& reload = state_.reload;
  const std::int32_t today = day_of(at_);
  if (reload.day < today) reload.paid = Credits();
  reload.day = std::max(reload.day, today);
  reload.amount = terms_.reload.amount;
  reload.pending = true;
  changes_.reload = ReloadRequest{++reload.last, reload.amount};
  changes_.changed = true;
}

Result<bool> Ledger::reload_paid(std::uint64_t number, std::string reference) {
  ReloadState& reload = state_.reload;
  if (!reload.pending || reload.last != number) return false;
  const Credits amount = reload.amount;
  if (auto good = check_incoming(amount); !good) return good.error();
  reload.pending = false;
  const auto paid = add(reload.paid, amount);
  reload.paid = paid ? *paid : Credits::from_micros(credits_max);
  changes_.changed = true;
  const Credits before = state_.in_lots;
  const std::uint64_t lot = open_lot({0, LotOrigin::reload, amount, 0, at_, add_months(at_, grant_validity_months),
                                      reference, "auto-reload", ""})
                                .number;
  LedgerEntry& entry = post(EntryType::grant, amount, {{lot, minus(state_.in_lots, before)}});
  entry.description = "auto-reload";
  entry.reference = std::move(reference);
  seal(entry);
  expire_lots();
  changes_.notices.push_back({Notice::Kind::reloaded, state_.available(), amount, lot, at_});
  return true;
}

bool Ledger::reload_declined(std::uint64_t number) {
  ReloadState& reload = state_.reload;
  if (!reload.pending || reload.last != number) return false;
  reload.pending = false;
  reload.not_before = at_ + reload_backoff_ms;
  changes_.changed = true;
  return true;
}

}  // namespace tally

#include "core/ledger.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace tally {
namespace {

constexpr std::int64_t credits_max = std::numeric_limits<std::int64_t>::max();

Credits plus(Credits a, Credits b) {
  return add(a, b).value();
}
Credits minus(Credits a, Credits b) {
  return subtract(a, b).value();
}
Credits negated(Credits a) {
  return minus(Credits(), a);
}

Error invalid(const char* rule, const char* detail) {
  return fail(Errc::invalid_argument, detail, rule);
}
Error out_of_range() {
  return invalid("amount_out_of_range", "the balance would leave the range of amounts");
}

// For orders in which "never" comes last.
std::int64_t expiry_rank(const std::optional<UtcTime>& expires_at) noexcept {
  return expires_at ? expires_at->ms() : std::numeric_limits<std::int64_t>::max();
}

bool is_of_a_month(LotOrigin origin) noexcept {
  return origin == LotOrigin::allocation || origin == LotOrigin::rollover;
}

// Sums of int64 amounts that may pass int64 on the way.
__extension__ using Wide = __int128;
Wide spendable(const LedgerState& state, const LedgerTerms& terms) noexcept {
  return Wide{state.balance.micros()} - state.reserved.micros() + terms.overdraft_limit.micros();
}

}  // namespace

bool burns_before(const OpenLot& a, const OpenLot& b) noexcept {
  const auto rank = [](const OpenLot& lot) {
    return std::tuple(lot.priority, expiry_rank(lot.expires_at), lot.purchased_at.ms(), lot.number);
  };
  return rank(a) < rank(b);
}

Credits LedgerState::available() const noexcept {
  const Wide free = Wide{balance.micros()} - reserved.micros();
  return Credits::from_micros(free > 0 ? static_cast<std::int64_t>(free) : 0);
}

void add_hold(LedgerState& state, Hold hold) {
  state.hold_expiries.emplace(hold.expires_at, hold.number);
  const std::uint64_t number = hold.number;
  state.holds.insert_or_assign(number, std::move(hold));
}

Ledger::Ledger(const AccountId& account, LedgerState& state, const LedgerTerms& terms, UtcTime now, HashFunction hash)
    : account_(account),
      state_(state),
      terms_(terms),
      hash_(hash),
      at_(std::max(now, state.last_at)),
      available_before_(state.available()) {
  if (state_.due_at && *state_.due_at <= at_) advance(at_);
}

// --- What time alone changes

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

// --- Lots

Result<void> Ledger::check_text(std::string_view reference, std::string_view description,
                                std::string_view metadata) const {
  if (reference.size() > ledger_reference_bytes_max)
    return invalid("text_too_long", "reference is longer than 255 bytes");
  if (description.size() > ledger_description_bytes_max)
    return invalid("text_too_long", "description is longer than 1024 bytes");
  if (metadata.size() > ledger_metadata_bytes_max)
    return invalid("text_too_long", "metadata is larger than 4096 bytes");
  return {};
}

// Debt is paid first, so the open lots come to no more than they hold or the balance, whichever is more.
Result<void> Ledger::check_incoming(Credits amount) const {
  if (!add(state_.balance, amount)) return out_of_range();
  return {};
}

Lot& Ledger::open_lot(Lot lot) {
  lot.number = ++state_.last_lot;
  const Credits left = minus(lot.amount, std::min(lot.amount, state_.debt()));
  if (left > Credits()) insert({lot.number, lot.origin, left, lot.priority, lot.purchased_at, lot.expires_at, false});
  changes_.lots.push_back(std::move(lot));
  return changes_.lots.back();
}

// Amounts that nobody asks for now: one that does not fit is left out.
void Ledger::give_lot(LotOrigin origin, Credits amount, UtcTime expires_at, std::string description) {
  if (amount <= Credits() || !check_incoming(amount)) return;
  Lot lot;
  lot.origin = origin;
  lot.amount = amount;
  lot.purchased_at = at_;
  lot.expires_at = expires_at;
  lot.description = description;
  const Credits before = state_.in_lots;
  const std::uint64_t number = open_lot(std::move(lot)).number;
  LedgerEntry& entry = post(EntryType::grant, amount, {{number, minus(state_.in_lots, before)}});
  entry.description = std::move(description);
  seal(entry);
}

void Ledger::insert(OpenLot lot) {
  state_.in_lots = plus(state_.in_lots, lot.remaining);
  const auto place = std::upper_bound(state_.lots.begin(), state_.lots.end(), lot, burns_before);
  state_.lots.insert(place, std::move(lot));
}

void Ledger::take(OpenLot& lot, Credits amount, std::vector<LotShare>& shares) {
  lot.remaining = minus(lot.remaining, amount);
  state_.in_lots = minus(state_.in_lots, amount);
  shares.push_back({lot.number, negated(amount)});
}

void Ledger::burn(Credits amount, bool also_expired, std::vector<LotShare>& shares) {
  for (OpenLot& lot : state_.lots) {
    if (amount <= Credits()) break;
    if (!also_expired && is_expired(lot)) continue;
    const Credits part = std::min(amount, lot.remaining);
    if (part <= Credits()) continue;
    take(lot, part, shares);
    amount = minus(amount, part);
  }
  drop_empty_lots();
}

void Ledger::drop_empty_lots() {
  std::erase_if(state_.lots, [](const OpenLot& lot) { return lot.remaining <= Credits(); });
}

// --- Entries

LedgerEntry& Ledger::post(EntryType type, Credits amount, std::vector<LotShare> shares) {
  LedgerEntry& entry = changes_.entries.emplace_back();
  entry.prev_hash = state_.last_entry == 0 ? chain_start(account_, hash_) : state_.last_hash;
  entry.seq = ++state_.last_entry;
  entry.type = type;
  entry.amount = amount;
  entry.balance_after = state_.balance = plus(state_.balance, amount);
  entry.created_at = state_.last_at = std::max(at_, state_.last_at);
  entry.lots = std::move(shares);
  changes_.changed = true;
  return entry;
}

void Ledger::seal(LedgerEntry& entry) {
  entry.hash = state_.last_hash = hash_of(entry, hash_);
}

Result<Lot> Ledger::grant(const Grant& grant) {
  if (grant.amount <= Credits()) return invalid("invalid_amount", "amount must be more than 0");
  const UtcTime purchased_at = grant.purchased_at.value_or(at_);
  if (purchased_at > at_) return invalid("invalid_purchased_at", "purchased_at lies in the future");
  std::optional<UtcTime> expires_at;
  if (!grant.never_expires) expires_at = grant.expires_at.value_or(add_months(purchased_at, grant_validity_months));
  if (expires_at && *expires_at <= at_) return invalid("invalid_expires_at", "the credits would be expired already");
  if (auto good = check_text(grant.reference, grant.description, grant.metadata); !good) return good.error();
  if (auto good = check_incoming(grant.amount); !good) return good.error();
  if (state_.lots.size() >= open_lots_max)
    return fail(Errc::conflict, "an account has at most 1000 open lots", "too_many_lots");

  const Credits before = state_.in_lots;
  const Lot lot = open_lot({0, LotOrigin::grant, grant.amount, grant.priority, purchased_at, expires_at,
                            grant.reference, grant.description, grant.metadata});
  LedgerEntry& entry = post(EntryType::grant, grant.amount, {{lot.number, minus(state_.in_lots, before)}});
  entry.description = grant.description;
  entry.reference = grant.reference;
  entry.metadata = grant.metadata;
  seal(entry);
  expire_lots();
  return lot;
}

Result<void> Ledger::adjust(Credits amount, std::string description, std::string reference) {
  if (amount == Credits()) return invalid("invalid_amount", "amount must not be 0");
  if (auto good = check_text(reference, description, ""); !good) return good;
  std::vector<LotShare> shares;
  if (amount > Credits()) {
    if (auto good = check_incoming(amount); !good) return good;
    if (state_.lots.size() >= open_lots_max)
      return fail(Errc::conflict, "an account has at most 1000 open lots", "too_many_lots");
    const Credits before = state_.in_lots;
    const std::uint64_t lot =
        open_lot({0, LotOrigin::adjustment, amount, 0, at_, std::nullopt, reference, description, ""}).number;
    shares = {{lot, minus(state_.in_lots, before)}};
  } else {
    if (amount.micros() < -credits_max || !add(state_.debt(), negated(amount))) return out_of_range();
    burn(negated(amount), false, shares);
  }
  LedgerEntry& entry = post(EntryType::adjustment, amount, std::move(shares));
  entry.description = std::move(description);
  entry.reference = std::move(reference);
  seal(entry);
  expire_lots();
  return {};
}

Result<std::uint64_t> Ledger::debit(const Debit& debit) {
  if (debit.amount < Credits()) return invalid("invalid_amount", "a debit is not negative");
  if (terms_.unlimited || debit.amount == Credits()) return std::uint64_t{0};
  if (!add(state_.debt(), debit.amount)) return out_of_range();
  std::vector<LotShare> shares;
  burn(debit.amount, false, shares);
  LedgerEntry& entry = post(EntryType::debit, negated(debit.amount), std::move(shares));
  entry.endpoint = debit.endpoint;
  entry.event_source = debit.event_source;
  entry.event_id = debit.event_id;
  entry.price_version = debit.price_version;
  entry.description = debit.description;
  entry.reference = debit.reference;
  seal(entry);
  return entry.seq;
}

// --- Holds

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

// --- Corrections, allocations, reloads

Result<void> Ledger::reverse(const LedgerEntry& debit, std::span<const Lot> lots, std::string description) {
  Credits lost;                   // went with lots that expired since
  std::vector<LotShare> to_lots;  // what unexpired lots paid
  for (const LotShare& share : debit.lots) {
    const auto lot = std::find_if(lots.begin(), lots.end(), [&](const Lot& l) { return l.number == share.lot; });
    if (lot == lots.end()) return fail(Errc::corrupt, "a lot that paid a debit is not stored");
    if (lot->expires_at && *lot->expires_at <= at_) {
      lost = plus(lost, negated(share.amount));
    } else {
      to_lots.push_back({share.lot, negated(share.amount)});
    }
  }
  const Credits back = minus(negated(debit.amount), lost);
  if (auto good = check_incoming(back); !good) return good;

  Credits left = minus(back, std::min(back, state_.debt()));
  std::vector<LotShare> shares;
  for (const LotShare& share : to_lots) {
    const Credits part = std::min(left, share.amount);
    if (part <= Credits()) break;
    left = minus(left, part);
    shares.push_back({share.lot, part});
    const auto open =
        std::find_if(state_.lots.begin(), state_.lots.end(), [&](const OpenLot& l) { return l.number == share.lot; });
    if (open != state_.lots.end()) {
      open->remaining = plus(open->remaining, part);
      state_.in_lots = plus(state_.in_lots, part);
      continue;
    }
    const auto lot = std::find_if(lots.begin(), lots.end(), [&](const Lot& l) { return l.number == share.lot; });
    insert({lot->number, lot->origin, part, lot->priority, lot->purchased_at, lot->expires_at, false});
  }
  if (left > Credits()) {
    // Not by open_lot, which would let the debt take its part once more.
    Lot lot{++state_.last_lot,
            LotOrigin::reversal,
            left,
            0,
            at_,
            add_months(at_, grant_validity_months),
            "",
            description,
            ""};
    insert({lot.number, lot.origin, left, 0, lot.purchased_at, lot.expires_at, false});
    shares.push_back({lot.number, left});
    changes_.lots.push_back(std::move(lot));
  }
  LedgerEntry& entry = post(EntryType::reversal, back, std::move(shares));
  entry.endpoint = debit.endpoint;
  entry.event_source = debit.event_source;
  entry.event_id = debit.event_id;
  entry.price_version = debit.price_version;
  entry.reverses = debit.seq;
  entry.description = std::move(description);
  seal(entry);
  expire_lots();
  return {};
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

void Ledger::notice_levels() {
  const Credits available = state_.available();
  if (terms_.unlimited || available >= available_before_) return;
  for (const Credits threshold : terms_.low_balance_thresholds) {
    if (available < threshold && available_before_ >= threshold)
      changes_.notices.push_back({Notice::Kind::low, available, threshold, 0, at_});
  }
  if (available == Credits()) changes_.notices.push_back({Notice::Kind::exhausted, available, Credits(), 0, at_});
}

LedgerChanges Ledger::finish() {
  announce_expiries();
  notice_levels();
  if (const auto at = reload_due(); at && *at <= at_) request_reload();
  const auto next = next_due();
  const std::optional<UtcTime> due_at = next ? std::optional(next->at) : std::nullopt;
  if (due_at != state_.due_at) {
    state_.due_at = due_at;
    changes_.changed = true;
  }
  return std::move(changes_);
}

}  // namespace tally

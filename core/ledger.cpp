#include "core/ledger.h"

#include <algorithm>
#include <tuple>

#include "core/ledger_amounts.h"

namespace tally {

using namespace ledger_amounts;

namespace {

// For orders in which "never" comes last.
std::int64_t expiry_rank(const std::optional<UtcTime>& expires_at) noexcept {
  return expires_at ? expires_at->ms() : std::numeric_limits<std::int64_t>::max();
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

Result<std::uint64_t> Ledger::debit(Debit debit) {
  if (debit.amount < Credits()) return invalid("invalid_amount", "a debit is not negative");
  if (terms_.unlimited || debit.amount == Credits()) return std::uint64_t{0};
  if (!add(state_.debt(), debit.amount)) return out_of_range();
  std::vector<LotShare> shares;
  burn(debit.amount, false, shares);
  LedgerEntry& entry = post(EntryType::debit, negated(debit.amount), std::move(shares));
  entry.endpoint = std::move(debit.endpoint);
  entry.event_source = std::move(debit.event_source);
  entry.event_id = std::move(debit.event_id);
  entry.price_version = debit.price_version;
  entry.description = std::move(debit.description);
  entry.reference = std::move(debit.reference);
  seal(entry);
  return entry.seq;
}

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

#include "core/ledger_audit.h"

#include <algorithm>
#include <limits>

namespace tally {
namespace {

bool comes_in(const LedgerEntry& entry) noexcept {
  return entry.type == EntryType::grant || entry.type == EntryType::reversal ||
         (entry.type == EntryType::adjustment && entry.amount > Credits());
}

bool is_expired(const Lot& lot, UtcTime at) noexcept {
  return lot.expires_at && *lot.expires_at <= at;
}

bool may_open(EntryType type, LotOrigin origin) noexcept {
  switch (origin) {
    case LotOrigin::grant:
    case LotOrigin::allocation:
    case LotOrigin::rollover:
    case LotOrigin::reload:
      return type == EntryType::grant;
    case LotOrigin::adjustment:
      return type == EntryType::adjustment;
    case LotOrigin::reversal:
      return type == EntryType::reversal;
  }
  return false;
}

std::string lot_name(std::uint64_t number) {
  return "lot " + std::to_string(number);
}

}  // namespace

LedgerAudit::LedgerAudit(const AccountId& account, HashFunction hash)
    : hash_(hash), last_hash_(chain_start(account, hash)) {}

Result<void> LedgerAudit::wrong(const char* rule, const std::string& what) {
  fault_ = fail(Errc::corrupt, what, rule);
  return *fault_;
}

Result<void> LedgerAudit::wrong(const LedgerEntry& entry, const char* rule, const std::string& why) {
  wrong_entry_ = entry.seq;
  return wrong(rule, "entry " + std::to_string(entry.seq) + ": " + why);
}

Result<void> LedgerAudit::add(const Lot& lot) {
  if (fault_) return *fault_;
  if (lot.number != lots_.size() + 1)
    return wrong("sequence_gap", lot_name(lot.number) + " follows " + lot_name(lots_.size()));
  if (lot.amount <= Credits()) return wrong("wrong_lot", lot_name(lot.number) + " is of " + lot.amount.to_string());
  lots_.push_back({lot, Credits()});
  return {};
}

// --- Entries

Result<void> LedgerAudit::add(const LedgerEntry& entry) {
  if (fault_) return *fault_;
  if (auto good = check_chain(entry); !good) return good;
  if (auto good = check_shape(entry); !good) return good;
  const Credits in_lots_before = in_lots_;
  for (std::size_t i = 0; i < entry.lots.size(); ++i) {
    const LotShare& share = entry.lots[i];
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      if (entry.lots[earlier].lot == share.lot)
        return wrong(entry, "repeated_lot", lot_name(share.lot) + " is named twice");
    }
    if (auto good = apply(entry, share); !good) return good;
  }
  if (auto good = check_debt(entry, in_lots_before); !good) return good;
  balance_ = entry.balance_after;
  last_hash_ = entry.hash;
  last_at_ = entry.created_at;
  Charge charge;
  if (entry.type == EntryType::debit) charge = {entry.amount, entry.hold, !entry.event_id.empty(), false, false};
  charges_.push_back(charge);
  return {};
}

Result<void> LedgerAudit::check_chain(const LedgerEntry& entry) {
  const std::uint64_t last = charges_.size();
  if (entry.seq != last + 1) {
    return wrong(entry, "sequence_gap",
                 last == 0 ? "it is the first, but not number 1" : "it follows entry " + std::to_string(last));
  }
  if (entry.prev_hash != last_hash_)
    return wrong(entry, "broken_chain",
                 last == 0 ? "its prev_hash is not that of the account"
                           : "its prev_hash is not the hash of entry " + std::to_string(last));
  if (entry.hash != hash_of(entry, hash_)) return wrong(entry, "wrong_hash", "its hash is not that of its contents");
  if (entry.created_at < last_at_)
    return wrong(entry, "dated_back",
                 "it is of " + entry.created_at.to_string() + ", the one before of " + last_at_.to_string());
  const auto after = tally::add(balance_, entry.amount);
  if (!after || *after != entry.balance_after) {
    return wrong(entry, "wrong_balance",
                 "the balance after it is " + entry.balance_after.to_string() + ", but was " + balance_.to_string() +
                     " before and it is of " + entry.amount.to_string());
  }
  return {};
}

Result<void> LedgerAudit::check_shape(const LedgerEntry& entry) {
  const auto of = [&] { return "a " + std::string(to_string(entry.type)) + " of " + entry.amount.to_string(); };
  switch (entry.type) {
    case EntryType::grant:
      if (entry.amount <= Credits()) return wrong(entry, "wrong_amount", of());
      if (entry.lots.size() != 1) return wrong(entry, "wrong_lot", "a grant is one lot");
      break;
    case EntryType::debit:
      if (entry.amount >= Credits()) return wrong(entry, "wrong_amount", of());
      break;
    case EntryType::adjustment:
      if (entry.amount == Credits()) return wrong(entry, "wrong_amount", of());
      if (entry.amount > Credits() && entry.lots.size() != 1)
        return wrong(entry, "wrong_lot", "an adjustment upwards is one lot");
      break;
    case EntryType::expiry:
      if (entry.amount >= Credits()) return wrong(entry, "wrong_amount", of());
      if (entry.lots.size() != 1) return wrong(entry, "wrong_lot", "an expiry is of one lot");
      break;
    case EntryType::reversal:
      return check_reversal(entry);
  }
  if (entry.reverses != 0) return wrong(entry, "wrong_reversal", "it is no reversal, but names what it reverses");
  if (entry.hold != 0 && entry.type != EntryType::debit)
    return wrong(entry, "wrong_hold", "only a debit settles a hold");
  return {};
}

Result<void> LedgerAudit::check_reversal(const LedgerEntry& entry) {
  const std::string name = "entry " + std::to_string(entry.reverses);
  if (entry.reverses == 0 || entry.reverses > charges_.size())
    return wrong(entry, "wrong_reversal", "there is no " + name + " before it to reverse");
  Charge& charge = charges_[entry.reverses - 1];
  if (charge.amount == Credits()) return wrong(entry, "wrong_reversal", name + " is no debit");
  if (charge.reversed) return wrong(entry, "wrong_reversal", name + " was reversed before");
  if (entry.amount < Credits() || entry.amount.micros() > -charge.amount.micros())
    return wrong(entry, "wrong_amount",
                 "it gives back " + entry.amount.to_string() + " of " + charge.amount.to_string());
  charge.reversed = true;
  return {};
}

// A lot is what the entry that opened it says.
Result<void> LedgerAudit::check_opened(const LedgerEntry& entry, const LotShare& share) {
  const Lot& lot = lots_[share.lot - 1].lot;
  const auto differs = [&](const char* what) {
    return wrong(entry, "wrong_lot", "it opens " + lot_name(share.lot) + ", whose " + what + " is another");
  };
  if (!may_open(entry.type, lot.origin)) return differs("origin");
  if (lot.amount != (entry.type == EntryType::reversal ? share.amount : entry.amount)) return differs("amount");
  if (lot.purchased_at > entry.created_at) return differs("purchased_at");
  if (lot.description != entry.description) return differs("description");
  if (lot.reference != entry.reference) return differs("reference");
  if (lot.metadata != entry.metadata) return differs("metadata");
  return {};
}

Result<void> LedgerAudit::apply(const LedgerEntry& entry, const LotShare& share) {
  const std::string name = lot_name(share.lot);
  if (share.lot == 0 || share.lot > lots_.size()) return wrong(entry, "unknown_lot", "there is no " + name);
  AuditedLot& audited = lots_[share.lot - 1];
  const bool in = comes_in(entry);
  if (share.lot > opened_) {
    if (!in || share.lot != opened_ + 1) return wrong(entry, "unknown_lot", name + " was not granted yet");
    ++opened_;
    if (auto good = check_opened(entry, share); !good) return good;
  } else if (in && entry.type != EntryType::reversal) {
    return wrong(entry, "wrong_lot", name + " was granted before");
  } else if (entry.type == EntryType::reversal && is_expired(audited.lot, entry.created_at)) {
    return wrong(entry, "expired", "it gives back to " + name + ", which expired");
  }
  if (in ? share.amount < Credits() : share.amount >= Credits())
    return wrong(entry, "wrong_amount", "it changes " + name + " by " + share.amount.to_string());
  if (entry.type == EntryType::expiry && !is_expired(audited.lot, entry.created_at))
    return wrong(entry, "not_expired", name + " had not expired");

  const auto remaining = tally::add(audited.remaining, share.amount);
  const auto in_lots = tally::add(in_lots_, share.amount);
  if (!remaining || *remaining < Credits()) {
    return wrong(
        entry, "overpaid_lot",
        name + " has " + audited.remaining.to_string() + " left and is changed by " + share.amount.to_string());
  }
  if (*remaining > audited.lot.amount || !in_lots)
    return wrong(entry, "overfull_lot", name + " would hold more than was granted");
  audited.remaining = *remaining;
  in_lots_ = *in_lots;
  if (audited.remaining > Credits()) {
    open_.emplace(share.lot, share.lot - 1);
  } else {
    open_.erase(share.lot);
  }
  return {};
}

// Debt is paid before lots are filled, and made only when no lot can pay.
Result<void> LedgerAudit::check_debt(const LedgerEntry& entry, Credits in_lots_before) {
  const Wide to_lots = Wide{in_lots_.micros()} - in_lots_before.micros();
  const Wide debt_before = Wide{in_lots_before.micros()} - balance_.micros();
  const Wide debt = Wide{in_lots_.micros()} - entry.balance_after.micros();
  if (comes_in(entry)) {
    if (to_lots != std::max<Wide>(0, entry.amount.micros() - debt_before))
      return wrong(entry, "wrong_amount", "its lots are not its amount less the open debt");
    return {};
  }
  if (debt < debt_before || (entry.type == EntryType::expiry && debt != debt_before))
    return wrong(entry, "wrong_amount", "its lots are not its amount");
  if (debt > std::numeric_limits<std::int64_t>::max())
    return wrong(entry, "wrong_amount", "the debt passes all bounds");
  if (debt == debt_before) return {};
  for (const auto& [number, place] : open_) {
    if (!is_expired(lots_[place].lot, entry.created_at))
      return wrong(entry, "unpaid", "it makes a debt though " + lot_name(number) + " has credits left");
  }
  return {};
}

// --- Holds and the state

Result<void> LedgerAudit::add(const Hold& hold) {
  if (fault_) return *fault_;
  const std::string name = "hold " + std::to_string(hold.number);
  if (hold.number <= last_hold_) return wrong("sequence_gap", name + " follows hold " + std::to_string(last_hold_));
  last_hold_ = hold.number;
  if (hold.credits < Credits() || (hold.reserved != Credits() && hold.reserved != hold.credits))
    return wrong("wrong_hold", name + " reserves " + hold.reserved.to_string() + " of " + hold.credits.to_string());
  if (hold.status == HoldStatus::open) reserved_ += hold.reserved.micros();
  if (hold.status != HoldStatus::settled && (hold.entry != 0 || hold.settled != Credits()))
    return wrong("wrong_hold", name + " is not settled, but was charged");
  if (hold.entry == 0) return {};
  if (hold.entry > charges_.size())
    return wrong("wrong_hold", name + " names entry " + std::to_string(hold.entry) + ", which is not there");
  Charge& charge = charges_[hold.entry - 1];
  if (charge.hold != hold.number || Wide{charge.amount.micros()} != -Wide{hold.settled.micros()})
    return wrong("wrong_hold", name + " was settled for " + hold.settled.to_string() + ", entry " +
                                   std::to_string(hold.entry) + " says otherwise");
  charge.hold_agrees = true;
  return {};
}

Result<void> LedgerAudit::finish(const LedgerState& state) {
  if (fault_) return *fault_;
  const auto odd =
      std::find_if(charges_.begin(), charges_.end(), [](const Charge& c) { return c.hold != 0 && !c.hold_agrees; });
  if (odd != charges_.end()) {
    wrong_entry_ = static_cast<std::uint64_t>(odd - charges_.begin()) + 1;
    return wrong("wrong_hold", "entry " + std::to_string(*wrong_entry_) + ": it settles hold " +
                                   std::to_string(odd->hold) + ", which says nothing of it");
  }
  const auto differs = [&](const std::string& what, const std::string& stated, const std::string& found) {
    return wrong("wrong_state", "the state's " + what + " is " + stated + ", its rows come to " + found);
  };
  if (state.last_entry != charges_.size())
    return differs("last entry", std::to_string(state.last_entry), std::to_string(charges_.size()));
  if (state.last_lot != lots_.size())
    return differs("last lot", std::to_string(state.last_lot), std::to_string(lots_.size()));
  if (opened_ != lots_.size()) return wrong("wrong_lot", "no entry grants " + lot_name(opened_ + 1));
  if (state.last_hold < last_hold_)
    return differs("last hold", std::to_string(state.last_hold), std::to_string(last_hold_));
  if (state.balance != balance_) return differs("balance", state.balance.to_string(), balance_.to_string());
  if (!charges_.empty() && state.last_hash != last_hash_)
    return differs("last_hash", to_hex(state.last_hash), to_hex(last_hash_));
  if (!charges_.empty() && state.last_at != last_at_)
    return differs("last date", state.last_at.to_string(), last_at_.to_string());
  if (Wide{state.reserved.micros()} != reserved_)
    return wrong("wrong_state", "the state's reserved is not the sum of the open holds");
  return check_open_lots(state);
}

Result<void> LedgerAudit::check_open_lots(const LedgerState& state) {
  for (const OpenLot& open : state.lots) {
    const auto found = open_.find(open.number);
    if (found == open_.end()) return wrong("wrong_state", "the state's " + lot_name(open.number) + " is not open");
    const auto& [lot, remaining] = lots_[found->second];
    if (open.remaining != remaining) {
      return wrong("wrong_state", "the state's " + lot_name(open.number) + " has " + open.remaining.to_string() +
                                      " left, its entries leave " + remaining.to_string());
    }
    if (open.origin != lot.origin || open.priority != lot.priority || open.purchased_at != lot.purchased_at ||
        open.expires_at != lot.expires_at) {
      return wrong("wrong_state", "the state's " + lot_name(open.number) + " is not what its row says");
    }
  }
  // All are open ones; so, when no two are the same, an equal number is the same set.
  if (!std::is_sorted(state.lots.begin(), state.lots.end(), burns_before))
    return wrong("wrong_state", "the state's lots are not in burn order");
  const auto same = [](const OpenLot& a, const OpenLot& b) { return a.number == b.number; };
  if (state.lots.size() != open_.size() ||
      std::adjacent_find(state.lots.begin(), state.lots.end(), same) != state.lots.end()) {
    return wrong("wrong_state", "the state has " + std::to_string(state.lots.size()) +
                                    " open lots, its entries leave " + std::to_string(open_.size()));
  }
  if (state.in_lots != in_lots_) return wrong("wrong_state", "the state's in_lots is not the sum of its lots");
  return {};
}

Result<Credits> LedgerAudit::charged_for_events() const {
  Wide sum = 0;
  for (const Charge& charge : charges_) {
    if (charge.of_event && !charge.reversed) sum -= charge.amount.micros();
  }
  if (sum > std::numeric_limits<std::int64_t>::max())
    return fail(Errc::invalid_argument, "the charges pass the range of amounts");
  return Credits::from_micros(static_cast<std::int64_t>(sum));
}

}  // namespace tally

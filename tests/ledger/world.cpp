#include "tests/ledger/world.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "core/manual.h"
#include "storage/digest.h"
#include "tests/ledger/comparison.h"

namespace tally::naive {
namespace {

constexpr std::int64_t micros_max = std::numeric_limits<std::int64_t>::max();

std::string word(const Error& error) {
  return std::string(to_string(error.code)) + (error.rule.empty() ? "" : "/" + error.rule);
}
template <class T>
std::string word(const Result<T>& result) {
  return result ? "ok" : word(result.error());
}

std::string naive_hash(const std::string& bytes) {
  const Digest digest = storage::sha256(bytes);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

class World {
 public:
  World(const Run& run, Coverage& coverage) : run_(run), coverage_(coverage), random_(run.seed) {
    // Starts that are near the ends of months, of February and of leap years come often.
    static const char* starts[] = {"2024-01-31T23:59:59.990Z", "2024-02-29T12:00:00Z", "2023-02-28T23:00:00Z",
                                   "2026-03-31T00:00:00Z",     "2027-12-31T23:59:59Z", "2026-05-10T12:30:00Z"};
    now_ = *UtcTime::parse(starts[random_.below(std::size(starts))]);
    edgy_ = random_.below(4) == 0;
    slow_ = random_.below(2) == 0;
    if (random_.below(2) == 0) dice_terms();
  }

  Outcome go() {
    for (int step = 1; step <= run_.steps; ++step) {
      if (auto broken = live(); broken) return {step, broken};
    }
    return {run_.steps, found_by_audit(real_)};
  }

 private:
  using Broken = std::optional<std::string>;

  bool chance(std::uint64_t of) { return random_.below(of) == 0; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto wide = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + random_.below(wide));
  }

  void pass_time();
  Broken live();
  Broken operate();
  void dice_terms();
  Credits dice_amount();
  std::string dice_text(std::size_t limit);
  Debit dice_debit();
  std::uint64_t dice_hold();

  template <class Real, class Naive>
  Broken both(const std::string& name, Real real_call, Naive naive_call);
  Broken nothing() {
    return both(
        "nothing", [](Ledger&) { return "ok"; }, [](NaiveLedger&) { return "ok"; });
  }
  Broken steps_equal_a_jump(UtcTime from);
  Broken operate_grant();
  Broken operate_adjust();
  Broken operate_debit();
  Broken operate_hold();
  Broken operate_settle();
  Broken operate_release();
  Broken operate_reverse();
  Broken operate_terms();
  Broken operate_reload();
  Broken restart();
  void cover(const LedgerChanges& changes, const std::string& outcome);

  Run run_;
  Coverage& coverage_;
  SeededRandom random_;
  const AccountId account_{"acme"};
  UtcTime now_;
  bool edgy_ = false;  // amounts near int64's ends
  bool slow_ = false;  // time mostly goes by in seconds
  LedgerTerms terms_;
  Stored real_;
  NaiveLedger naive_{"acme", naive_hash};
  std::vector<std::uint64_t> reversible_;
};

void World::pass_time() {
  const UtcTime before = now_;
  const auto due = real_.state.due_at;
  if (slow_ && !chance(8)) {
    now_ = now_ + between(0, 20 * second_ms);
    return;
  }
  switch (random_.below(40)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (due && *due > now_) now_ = *due + between(-1, 1);
      break;
    case 4:
    case 5:
      now_ = start_of_month(month_of(now_) + 1) + between(-1, 1);
      break;
    case 6:
    case 7:
    case 8:
      now_ = now_ + between(0, 2 * day_ms);
      break;
    case 9:
    case 10:
      now_ = now_ + between(0, 40 * day_ms);
      break;
    case 11:
      if (chance(3)) now_ = now_ + between(0, 400 * day_ms);
      break;
    case 12:
      if (chance(20)) now_ = now_ + between(0, 5 * 366 * day_ms);
      break;
    case 13:
      if (chance(3)) now_ = now_ - between(0, minute_ms);  // a clock that was set back
      break;
    case 14:
    case 15:
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
    case 21:
      now_ = now_ + between(0, 2 * minute_ms);
      break;
    default:
      now_ = now_ + between(0, 3);
  }
  if (now_ > *UtcTime::parse("2400-01-01")) now_ = before;
}

Credits World::dice_amount() {
  const LedgerState& state = real_.state;
  const Wide free = Wide{state.balance.micros()} - state.reserved.micros() + terms_.overdraft_limit.micros();
  Wide amount = between(1, 1'000);
  // The last nine only where the dice of the seed allow it.
  const std::uint64_t dice = random_.below(slow_ ? 60 : 20);
  switch (!edgy_ && dice >= 10 ? 19 : dice) {
    case 0:
      amount = between(-2, 1);
      break;
    case 1:
      amount = Wide{state.available().micros()} + between(-1, 1);
      break;
    case 2:
      amount = free + between(-1, 1);
      break;
    case 3:
      amount = Wide{state.debt().micros()} + between(-1, 1);
      break;
    case 4:
      amount = Wide{state.in_lots.micros()} + between(-1, 1);
      break;
    case 5:
      amount = between(1, 5'000);
      break;
    case 10:
      amount = Wide{micros_max} - between(0, 1);
      break;
    case 11:
    case 12:
      amount = Wide{micros_max} - state.balance.micros() + between(-1, 1);
      break;
    case 13:
      amount = Wide{micros_max} - state.in_lots.micros() + between(-1, 1);
      break;
    case 14:
    case 15:
      amount = Wide{micros_max} - state.debt().micros() + between(-1, 1);
      break;
    case 16:
      amount = std::numeric_limits<std::int64_t>::min() + between(0, 1);
      break;
    case 17:
      amount = Wide{micros_max} - state.reserved.micros() + between(-1, 1);
      break;
    case 18:
      amount = between(micros_max / 4, micros_max);
      break;
    default:
      break;
  }
  amount = std::clamp<Wide>(amount, std::numeric_limits<std::int64_t>::min(), micros_max);
  return Credits::from_micros(static_cast<std::int64_t>(amount));
}

std::string World::dice_text(std::size_t limit) {
  if (chance(60)) return std::string(limit + random_.below(2), 'x');
  return chance(2) ? "" : random_.hex(1 + random_.below(4));
}

Debit World::dice_debit() {
  Debit debit;
  debit.amount = dice_amount();
  debit.endpoint = chance(2) ? "search" : "enrich/person";
  if (chance(2)) {
    debit.event_source = "gateway";
    debit.event_id = random_.hex(4);
  }
  debit.price_version = static_cast<std::uint32_t>(random_.below(300));
  debit.description = dice_text(20);
  debit.reference = dice_text(20);
  return debit;
}

DebitCall naive_debit(const Debit& debit) {
  return {debit.amount.micros(), debit.endpoint,    debit.event_source, debit.event_id,
          debit.price_version,   debit.description, debit.reference};
}

void World::dice_terms() {
  const auto credits = [&](std::int64_t most) { return Credits::from_micros(between(0, most)); };
  if (chance(2)) terms_.overdraft_limit = chance(2) ? Credits() : credits(2'000);
  if (edgy_ && chance(4)) terms_.overdraft_limit = Credits::from_micros(between(micros_max - 2, micros_max));
  terms_.unlimited = chance(12);
  if (chance(2)) {
    terms_.monthly_allocation = chance(3) ? std::nullopt : std::optional(credits(3'000));
    if (edgy_ && chance(4)) terms_.monthly_allocation = Credits::from_micros(between(micros_max / 2, micros_max));
  }
  terms_.rollover = chance(2);
  terms_.rollover_cap = chance(2) ? std::nullopt : std::optional(credits(1'000));
  terms_.low_balance_thresholds.clear();
  while (chance(2)) terms_.low_balance_thresholds.push_back(credits(1'000));
  terms_.reload.enabled = chance(3);
  terms_.reload.threshold = credits(2'000);
  terms_.reload.amount = Credits::from_micros(between(1, 2'000));
  if (edgy_ && chance(6)) terms_.reload.amount = Credits::from_micros(micros_max - between(0, 1));
  terms_.reload.daily_cap = chance(2) ? std::nullopt : std::optional(credits(5'000));
  naive_.terms = naive_terms(terms_);
}

template <class Real, class Naive>
World::Broken World::both(const std::string& name, Real real_call, Naive naive_call) {
  const std::size_t entries_before = naive_.entries.size();
  const std::size_t lots_before = naive_.lots.size();
  naive_.begin(now_);
  const std::string naive_outcome = naive_call(naive_);
  naive_.end();

  const std::string before = encode(real_.state);
  Ledger ledger(account_, real_.state, terms_, now_, storage::sha256);
  const std::string outcome = real_call(ledger);
  const LedgerChanges changes = ledger.finish();
  real_.take_in(changes);
  if (run_.trace)
    std::fprintf(stderr, "%s %s: %s, %zu entries, balance %s\n", now_.to_string().c_str(), name.c_str(),
                 outcome.c_str(), changes.entries.size(), real_.state.balance.to_string().c_str());
  cover(changes, outcome);
  const auto broken = [&](const std::string& what) {
    return Broken(name + " at " + now_.to_string() + " (" + outcome + "): " + what);
  };
  if (outcome != naive_outcome) return broken("naively " + naive_outcome);
  if (auto found = difference(real_, changes, naive_, entries_before, lots_before)) return broken(*found);
  if (auto found = broken_invariant(real_)) return broken(*found);
  if (!changes.changed && (encode(real_.state) != before || !changes.notices.empty())) return broken("a silent change");
  if (!changes.entries.empty()) {
    const auto entries = decode_ledger_entries(encode(changes.entries));
    if (!entries || *entries != changes.entries) return broken("the entries' bytes do not give them back");
  }
  for (const LedgerEntry& entry : changes.entries) {
    if (entry.type == EntryType::debit) reversible_.push_back(entry.seq);
  }
  return std::nullopt;
}

void World::cover(const LedgerChanges& changes, const std::string& outcome) {
  ++coverage_.commands;
  if (outcome != "ok" && outcome != "no") ++coverage_.refused;
  if (outcome.ends_with("amount_out_of_range")) ++coverage_.out_of_range;
  if (real_.state.debt() > Credits()) ++coverage_.in_debt;
  if (std::any_of(real_.state.lots.begin(), real_.state.lots.end(),
                  [&](const OpenLot& lot) { return lot.expires_at && *lot.expires_at <= now_; })) {
    ++coverage_.kept_by_holds;
  }
  coverage_.entries += changes.entries.size();
  for (const LedgerEntry& entry : changes.entries) {
    if (entry.type == EntryType::expiry) ++coverage_.expiries;
    if (entry.type == EntryType::reversal) ++coverage_.reversals;
  }
  for (const tally::Lot& lot : changes.lots) {
    if (lot.origin == LotOrigin::allocation) ++coverage_.allocations;
    if (lot.origin == LotOrigin::rollover) ++coverage_.rollovers;
    if (lot.origin == LotOrigin::reload) ++coverage_.reloads;
  }
  for (const tally::Hold& hold : changes.holds) {
    if (hold.status == HoldStatus::settled) ++coverage_.settled;
    if (hold.status == HoldStatus::expired) ++coverage_.expired_holds;
  }
}

// However late the ledger is brought up to date, the same happened.
World::Broken World::steps_equal_a_jump(UtcTime from) {
  const auto live_to = [&](LedgerState& state, UtcTime to, std::vector<LedgerEntry>& entries) {
    Ledger ledger(account_, state, terms_, to, storage::sha256);
    for (LedgerEntry& entry : ledger.finish().entries) entries.push_back(std::move(entry));
  };
  LedgerState jumped = real_.reread();
  LedgerState walked = jumped;
  std::vector<LedgerEntry> in_a_jump;
  std::vector<LedgerEntry> in_steps;
  live_to(jumped, now_, in_a_jump);
  const int steps = static_cast<int>(1 + random_.below(8));
  UtcTime at = from;
  for (int i = 0; i < steps && at < now_; ++i) {
    at = walked.due_at && *walked.due_at > at && *walked.due_at < now_ && chance(2)
             ? *walked.due_at
             : at + between(0, now_.ms() - at.ms());
    live_to(walked, at, in_steps);
  }
  live_to(walked, now_, in_steps);
  if (in_a_jump != in_steps) return "many steps post other entries than one jump to " + now_.to_string();
  if (encode(jumped) != encode(walked)) return "many steps give another state than one jump to " + now_.to_string();
  return std::nullopt;
}

World::Broken World::live() {
  const UtcTime before = now_;
  pass_time();
  if (real_.state.due_at && *real_.state.due_at <= now_ && now_ > before && chance(3)) {
    if (auto broken = steps_equal_a_jump(before)) return broken;
  }
  if (chance(16)) {
    if (auto broken = restart()) return broken;
  }
  return operate();
}

World::Broken World::operate() {
  switch (random_.below(40)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return operate_grant();
    case 6:
    case 7:
    case 8:
      return operate_adjust();
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
      return operate_debit();
    case 17:
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
      return operate_hold();
    case 23:
    case 24:
    case 25:
    case 26:
      return operate_settle();
    case 27:
    case 28:
      return operate_release();
    case 29:
    case 30:
    case 31:
      return operate_reverse();
    case 32:
      return operate_terms();
    case 33:
    case 34:
    case 35: {
      const Credits amount = terms_.monthly_allocation ? *terms_.monthly_allocation : Credits();
      return both(
          "start_allocation", [&](Ledger& l) { return word(l.start_allocation(amount)); },
          [&](NaiveLedger& l) { return l.start_allocation(amount.micros()); });
    }
    case 36:
    case 37:
    case 38:
      return operate_reload();
    default:
      return nothing();
  }
}

World::Broken World::operate_grant() {
  Grant grant;
  grant.amount = chance(2) ? Credits::from_micros(between(1, 20'000)) : dice_amount();
  if (chance(3)) grant.purchased_at = now_ - between(-1, 1) * between(0, 300 * day_ms);
  switch (random_.below(6)) {
    case 0:
      grant.never_expires = true;
      break;
    case 1:
      grant.expires_at = now_ + between(-1, 2);
      break;
    case 2:
      grant.expires_at = now_ + between(1, 20 * day_ms);
      break;
    case 3:
      grant.expires_at = start_of_month(month_of(now_) + static_cast<std::int32_t>(between(0, 3)));
      break;
    default:
      break;  // twelve months
  }
  // Soon enough for open holds to outlive it.
  if (slow_ && chance(3)) grant.expires_at = now_ + between(1, 3 * minute_ms);
  if (chance(3)) grant.priority = static_cast<std::int32_t>(between(-2, 2));
  if (chance(40)) grant.priority = chance(2) ? std::numeric_limits<std::int32_t>::min() : 2'147'483'647;
  grant.reference = dice_text(ledger_reference_bytes_max);
  grant.description = dice_text(ledger_description_bytes_max);
  grant.metadata = dice_text(ledger_metadata_bytes_max);
  const GrantCall call{grant.amount.micros(), grant.purchased_at, grant.never_expires, grant.expires_at,
                       grant.priority,        grant.reference,    grant.description,   grant.metadata};
  return both(
      "grant " + grant.amount.to_string(), [&](Ledger& l) { return word(l.grant(grant)); },
      [&](NaiveLedger& l) { return l.grant(call); });
}

World::Broken World::operate_adjust() {
  Credits amount = dice_amount();
  if (chance(2) && amount.micros() > -micros_max) amount = Credits::from_micros(-amount.micros());
  const std::string description = dice_text(ledger_description_bytes_max);
  const std::string reference = dice_text(ledger_reference_bytes_max);
  return both(
      "adjust " + amount.to_string(), [&](Ledger& l) { return word(l.adjust(amount, description, reference)); },
      [&](NaiveLedger& l) { return l.adjust(amount.micros(), description, reference); });
}

World::Broken World::operate_debit() {
  const Debit debit = dice_debit();
  std::uint64_t seq = 0;
  auto broken = both(
      "debit " + debit.amount.to_string(),
      [&](Ledger& l) {
        const auto posted = l.debit(debit);
        if (posted) seq = *posted;
        return word(posted);
      },
      [&](NaiveLedger& l) { return l.debit(naive_debit(debit)); });
  if (!broken && seq != 0 && (real_.entries[seq - 1].type != EntryType::debit || seq < real_.entries.size()))
    return "a debit answers with another entry's seq";
  return broken;
}

World::Broken World::operate_hold() {
  HoldRequest request;
  request.credits = dice_amount();
  request.ttl_ms = chance(2) ? between(1, 10 * minute_ms) : between(1, hold_ttl_ms_max);
  if (chance(4)) request.ttl_ms = between(-1, hold_ttl_ms_max + 1);
  // Holds that end with the month, with a lot or with each other.
  if (chance(4)) request.ttl_ms = start_of_month(month_of(now_) + 1).ms() - now_.ms();
  if (chance(4) && real_.state.due_at) request.ttl_ms = real_.state.due_at->ms() - now_.ms();
  request.endpoint = chance(2) ? "search" : "";
  request.price_version = static_cast<std::uint32_t>(random_.below(300));
  return both(
      "hold " + request.credits.to_string(), [&](Ledger& l) { return word(l.hold(request)); },
      [&](NaiveLedger& l) {
        return l.hold(request.credits.micros(), request.ttl_ms, request.endpoint, request.price_version);
      });
}

std::uint64_t World::dice_hold() {
  const auto& open = real_.state.holds;
  if (open.empty() || chance(10)) return random_.below(real_.state.last_hold + 2);
  auto hold = open.begin();
  std::advance(hold, static_cast<std::ptrdiff_t>(random_.below(open.size())));
  return hold->first;
}

World::Broken World::operate_settle() {
  const std::uint64_t number = dice_hold();
  Debit debit = dice_debit();
  if (const auto hold = real_.state.holds.find(number); hold != real_.state.holds.end() && chance(2)) {
    const std::int64_t held = hold->second.credits.micros();
    debit.amount = Credits::from_micros(chance(2) ? held : held - between(0, std::max<std::int64_t>(0, held)));
  }
  return both(
      "settle " + std::to_string(number) + " for " + debit.amount.to_string(),
      [&](Ledger& l) { return word(l.settle(number, debit)); },
      [&](NaiveLedger& l) { return l.settle(number, naive_debit(debit)); });
}

World::Broken World::operate_release() {
  const std::uint64_t number = dice_hold();
  return both(
      "release " + std::to_string(number), [&](Ledger& l) { return word(l.release(number)); },
      [&](NaiveLedger& l) { return l.release(number); });
}

World::Broken World::operate_reverse() {
  if (reversible_.empty()) return nothing();
  const std::size_t pick = chance(2) ? reversible_.size() - 1 : random_.below(reversible_.size());
  const std::uint64_t seq = reversible_[pick];
  const LedgerEntry debit = real_.entries[seq - 1];
  std::vector<tally::Lot> lots;
  for (const LotShare& share : debit.lots) lots.push_back(decode_lot(encode(real_.lots.at(share.lot))).value());
  const std::string description = dice_text(20);
  bool reversed = false;
  auto broken = both(
      "reverse " + std::to_string(seq),
      [&](Ledger& l) {
        const auto result = l.reverse(debit, lots, description);
        reversed = result.has_value();
        return word(result);
      },
      [&](NaiveLedger& l) { return l.reverse(seq, description); });
  if (reversed) std::erase(reversible_, seq);
  return broken;
}

// The operator changes an account in a ledger that is up to date, and the ledger learns of it at once.
World::Broken World::operate_terms() {
  if (auto broken = nothing()) return broken;
  dice_terms();
  return nothing();
}

World::Broken World::operate_reload() {
  std::uint64_t number = real_.state.reload.last;
  if (chance(6)) number = random_.below(number + 1);
  if (chance(2)) {
    return both(
        "reload_declined " + std::to_string(number), [&](Ledger& l) { return l.reload_declined(number) ? "ok" : "no"; },
        [&](NaiveLedger& l) { return l.reload_declined(number); });
  }
  const std::string reference = random_.hex(4);
  return both(
      "reload_paid " + std::to_string(number),
      [&](Ledger& l) -> std::string {
        const auto paid = l.reload_paid(number, reference);
        return paid && !*paid ? "no" : word(paid);
      },
      [&](NaiveLedger& l) { return l.reload_paid(number, reference); });
}

World::Broken World::restart() {
  ++coverage_.restarts;
  const std::string before = encode(real_.state);
  real_.state = real_.reread();
  if (encode(real_.state) != before) return "a state's bytes do not give it back";
  for (auto& [number, lot] : real_.lots) {
    const std::string bytes = encode(lot);
    lot = decode_lot(bytes).value();
    if (encode(lot) != bytes) return "a lot's bytes do not give it back";
  }
  return std::nullopt;
}

}  // namespace

Outcome run(const Run& run, Coverage& coverage) {
  return World(run, coverage).go();
}

}  // namespace tally::naive

#include "tests/ledger/comparison.h"

#include <algorithm>

#include "core/ledger_audit.h"
#include "storage/digest.h"

namespace tally::naive {
namespace {

using Difference = std::optional<std::string>;

std::string text(Wide v) {
  if (v < 0) return "-" + text(-v);
  std::string digits(1, static_cast<char>('0' + static_cast<int>(v % 10)));
  return v < 10 ? digits : text(v / 10) + digits;
}
std::string text(const std::string& v) {
  return '"' + v + '"';
}
std::string text(std::string_view v) {
  return text(std::string(v));
}
std::string text(UtcTime v) {
  return v.to_string();
}
std::string text(const std::optional<UtcTime>& v) {
  return v ? v->to_string() : "never";
}

// Collects the first difference.
class Check {
 public:
  explicit Check(std::string of) : of_(std::move(of)) {}
  template <class A, class B>
  Check& same(const char* what, const A& real, const B& naive) {
    if (!found_ && !(real == naive)) found_ = of_ + ": " + what + " is " + text(real) + ", naively " + text(naive);
    return *this;
  }
  Check& same(const char* what, Credits real, Wide naive) { return same(what, Wide{real.micros()}, naive); }
  Difference found() const { return found_; }

 private:
  std::string of_;
  Difference found_;
};

std::string bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Difference compare(const LedgerEntry& real, const Entry& naive) {
  Check check("entry " + std::to_string(real.seq));
  check.same("seq", Wide{real.seq}, Wide{naive.seq})
      .same("type", to_string(real.type), std::string_view(naive.type))
      .same("amount", real.amount, naive.amount)
      .same("balance_after", real.balance_after, naive.balance_after)
      .same("created_at", real.created_at, naive.created_at)
      .same("endpoint", real.endpoint, naive.endpoint)
      .same("event_source", real.event_source, naive.event_source)
      .same("event_id", real.event_id, naive.event_id)
      .same("hold", Wide{real.hold}, Wide{naive.hold})
      .same("price_version", Wide{real.price_version}, Wide{naive.price_version})
      .same("reverses", Wide{real.reverses}, Wide{naive.reverses})
      .same("description", real.description, naive.description)
      .same("reference", real.reference, naive.reference)
      .same("metadata", real.metadata, naive.metadata)
      .same("the number of lots", Wide{real.lots.size()}, Wide{naive.lots.size()});
  if (check.found()) return check.found();
  for (std::size_t i = 0; i < real.lots.size(); ++i) {
    check.same("a share's lot", Wide{real.lots[i].lot}, Wide{naive.lots[i].lot})
        .same("a share's amount", real.lots[i].amount, naive.lots[i].amount);
  }
  check.same("prev_hash", bytes_of(real.prev_hash), naive.prev_hash).same("hash", bytes_of(real.hash), naive.hash);
  return check.found();
}

Difference compare(const tally::Lot& real, const Lot& naive) {
  return Check("lot " + std::to_string(real.number))
      .same("number", Wide{real.number}, Wide{naive.number})
      .same("origin", to_string(real.origin), std::string_view(naive.origin))
      .same("amount", real.amount, naive.amount)
      .same("priority", Wide{real.priority}, Wide{naive.priority})
      .same("purchased_at", real.purchased_at, naive.purchased_at)
      .same("expires_at", real.expires_at, naive.expires_at)
      .same("reference", real.reference, naive.reference)
      .same("description", real.description, naive.description)
      .same("metadata", real.metadata, naive.metadata)
      .found();
}

Difference compare(const OpenLot& real, const Lot& naive) {
  return Check("open lot " + std::to_string(real.number))
      .same("number", Wide{real.number}, Wide{naive.number})
      .same("origin", to_string(real.origin), std::string_view(naive.origin))
      .same("remaining", real.remaining, naive.left)
      .same("priority", Wide{real.priority}, Wide{naive.priority})
      .same("purchased_at", real.purchased_at, naive.purchased_at)
      .same("expires_at", real.expires_at, naive.expires_at)
      .same("expiry_announced", Wide{real.expiry_announced}, Wide{naive.announced})
      .found();
}

Difference compare(const tally::Hold& real, const Hold& naive) {
  return Check("hold " + std::to_string(real.number))
      .same("number", Wide{real.number}, Wide{naive.number})
      .same("status", to_string(real.status), std::string_view(naive.status))
      .same("credits", real.credits, naive.credits)
      .same("reserved", real.reserved, naive.reserved)
      .same("settled", real.settled, naive.settled)
      .same("created_at", real.created_at, naive.created_at)
      .same("expires_at", real.expires_at, naive.expires_at)
      .same("resolved_at", real.resolved_at, naive.resolved_at)
      .same("endpoint", real.endpoint, naive.endpoint)
      .same("price_version", Wide{real.price_version}, Wide{naive.price_version})
      .same("entry", Wide{real.entry}, Wide{naive.entry})
      .same("event_source", real.event_source, naive.event_source)
      .same("event_id", real.event_id, naive.event_id)
      .found();
}

Difference compare_holds(const Stored& real, const LedgerChanges& changes, const NaiveLedger& naive) {
  for (const tally::Hold& hold : changes.holds) {
    if (hold.number > naive.holds.size()) return "a hold too many";
    // A hold that changed twice: the later one counts.
    if (auto found = compare(real.holds.at(hold.number), naive.holds[hold.number - 1])) return found;
  }
  std::size_t open = 0;
  for (const Hold& hold : naive.holds) {
    if (hold.status != "open") continue;
    ++open;
    const auto found = real.state.holds.find(hold.number);
    if (found == real.state.holds.end()) return "hold " + std::to_string(hold.number) + " is not open";
    if (auto differs = compare(found->second, hold)) return differs;
    if (!real.state.hold_expiries.contains({hold.expires_at, hold.number})) return "a hold's expiry is not waited for";
  }
  return Check("the state")
      .same("the number of open holds", Wide{real.state.holds.size()}, Wide{open})
      .same("the number of hold expiries", Wide{real.state.hold_expiries.size()}, Wide{open})
      .same("last_hold", Wide{real.state.last_hold}, Wide{naive.holds.size()})
      .found();
}

std::string_view kind_name(tally::Notice::Kind kind) {
  switch (kind) {
    case tally::Notice::Kind::low:
      return "low";
    case tally::Notice::Kind::exhausted:
      return "exhausted";
    case tally::Notice::Kind::expiring:
      return "expiring";
    case tally::Notice::Kind::reloaded:
      return "reloaded";
  }
  return "unknown";
}

std::string line(std::string_view kind, Wide available, Wide amount, std::uint64_t lot, UtcTime at) {
  return std::string(kind) + " available " + text(available) + " amount " + text(amount) + " lot " +
         std::to_string(lot) + " at " + at.to_string();
}

Difference compare_notices(const LedgerChanges& changes, const NaiveLedger& naive) {
  std::vector<std::string> real_lines;
  std::vector<std::string> naive_lines;
  for (const tally::Notice& n : changes.notices)
    real_lines.push_back(line(kind_name(n.kind), n.available.micros(), n.amount.micros(), n.lot, n.at));
  for (const Notice& n : naive.notices) naive_lines.push_back(line(n.kind, n.available, n.amount, n.lot, n.at));
  std::sort(real_lines.begin(), real_lines.end());
  std::sort(naive_lines.begin(), naive_lines.end());
  if (real_lines == naive_lines) return std::nullopt;
  std::string all = "notices differ:";
  for (const auto& l : real_lines) all += "\n  real:  " + l;
  for (const auto& l : naive_lines) all += "\n  naive: " + l;
  return all;
}

Difference compare_state(const LedgerState& real, const LedgerChanges& changes, const NaiveLedger& naive) {
  const bool pending = !naive.reloads.empty() && naive.reloads.back().outcome.empty();
  return Check("the state")
      .same("balance", real.balance, naive.balance())
      .same("reserved", real.reserved, naive.reserved())
      .same("available", real.available(), naive.available())
      .same("in_lots", real.in_lots, naive.in_lots())
      .same("debt", real.debt(), naive.debt())
      .same("last_entry", Wide{real.last_entry}, Wide{naive.entries.size()})
      .same("last_lot", Wide{real.last_lot}, Wide{naive.lots.size()})
      .same("allocated_month", Wide{real.allocated_month}, Wide{naive.allocated_month})
      .same("reload.last", Wide{real.reload.last}, Wide{naive.reloads.size()})
      .same("reload.pending", Wide{real.reload.pending}, Wide{pending})
      .same("the asked reload", Wide{changes.reload ? changes.reload->number : 0},
            Wide{naive.asked ? naive.asked->number : 0})
      .same("the asked amount", changes.reload ? changes.reload->amount : Credits(),
            naive.asked ? naive.asked->amount : 0)
      .same("due_at", real.due_at, naive.due_at())
      .found();
}

}  // namespace

void Stored::take_in(const LedgerChanges& changes) {
  entries.insert(entries.end(), changes.entries.begin(), changes.entries.end());
  for (const tally::Lot& lot : changes.lots) lots[lot.number] = lot;
  for (const tally::Hold& hold : changes.holds) holds[hold.number] = hold;
}

LedgerState Stored::reread() const {
  LedgerState fresh = decode_ledger_state(encode(state)).value();
  for (const auto& [number, hold] : holds) {
    if (hold.status == HoldStatus::open) add_hold(fresh, decode_hold(encode(hold)).value());
  }
  return fresh;
}

Terms naive_terms(const LedgerTerms& terms) {
  const auto wide = [](const std::optional<Credits>& v) { return v ? std::optional<Wide>(v->micros()) : std::nullopt; };
  Terms naive;
  naive.overdraft_limit = terms.overdraft_limit.micros();
  naive.unlimited = terms.unlimited;
  naive.monthly_allocation = wide(terms.monthly_allocation);
  naive.rollover = terms.rollover;
  naive.rollover_cap = wide(terms.rollover_cap);
  for (const Credits threshold : terms.low_balance_thresholds) naive.thresholds.push_back(threshold.micros());
  naive.reload_enabled = terms.reload.enabled;
  naive.reload_threshold = terms.reload.threshold.micros();
  naive.reload_amount = terms.reload.amount.micros();
  naive.reload_daily_cap = wide(terms.reload.daily_cap);
  return naive;
}

Difference difference(const Stored& real, const LedgerChanges& changes, const NaiveLedger& naive,
                      std::size_t entries_before, std::size_t lots_before) {
  for (std::size_t i = 0; i < std::max(changes.entries.size(), naive.entries.size() - entries_before); ++i) {
    if (i >= changes.entries.size())
      return "entry " + std::to_string(entries_before + i + 1) +
             " is missing: " + naive.entries[entries_before + i].type;
    if (entries_before + i >= naive.entries.size())
      return "an entry too many: " + std::string(to_string(changes.entries[i].type));
    if (auto found = compare(changes.entries[i], naive.entries[entries_before + i])) return found;
  }
  if (changes.lots.size() != naive.lots.size() - lots_before) return "another number of new lots";
  for (std::size_t i = 0; i < changes.lots.size(); ++i) {
    if (auto found = compare(changes.lots[i], naive.lots[lots_before + i])) return found;
  }
  const std::vector<const Lot*> open = naive.open_lots();
  if (open.size() != real.state.lots.size())
    return std::to_string(real.state.lots.size()) + " open lots, naively " + std::to_string(open.size());
  for (std::size_t i = 0; i < open.size(); ++i) {
    if (auto found = compare(real.state.lots[i], *open[i])) return found;
  }
  if (auto found = compare_holds(real, changes, naive)) return found;
  if (auto found = compare_state(real.state, changes, naive)) return found;
  return compare_notices(changes, naive);
}

Difference found_by_audit(const Stored& real) {
  LedgerAudit audit(AccountId("acme"), storage::sha256);
  Result<void> good;
  for (const auto& [number, lot] : real.lots) {
    if (good) good = audit.add(lot);
  }
  for (const LedgerEntry& entry : real.entries) {
    if (good) good = audit.add(entry);
  }
  for (const auto& [number, hold] : real.holds) {
    if (good) good = audit.add(hold);
  }
  if (good) good = audit.finish(real.state);
  if (good) return std::nullopt;
  return "the audit refuses it: " + good.error().detail;
}

Difference broken_invariant(const Stored& real) {
  const LedgerState& state = real.state;
  Wide in_lots = 0;
  for (const OpenLot& lot : state.lots) {
    if (lot.remaining <= Credits()) return "an open lot holds nothing";
    in_lots += lot.remaining.micros();
  }
  Wide reserved = 0;
  for (const auto& [number, hold] : state.holds) reserved += hold.reserved.micros();
  if (in_lots != state.in_lots.micros()) return "in_lots is not the sum of the open lots";
  if (reserved != state.reserved.micros()) return "reserved is not the sum of the open holds";
  if (in_lots - state.debt().micros() != state.balance.micros()) return "open lots less debt are not the balance";
  if (state.debt() < Credits()) return "the debt is negative";
  if (state.available() < Credits()) return "available is negative";
  if (!real.entries.empty()) {
    if (real.entries.back().balance_after != state.balance) return "the last balance_after is not the balance";
    if (real.entries.back().hash != state.last_hash) return "last_hash is not the last entry's";
  }
  return std::nullopt;
}

}  // namespace tally::naive

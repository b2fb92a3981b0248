#include "tests/ledger/naive_ledger.h"

#include <algorithm>
#include <limits>

namespace tally::naive {
namespace {

constexpr Wide int64_max = std::numeric_limits<std::int64_t>::max();
constexpr Wide int64_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t hold_ttl_max_ms = 7 * 24 * 3'600'000LL;
constexpr std::int64_t an_hour_ms = 3'600'000LL;

const std::string out_of_range = "invalid_argument/amount_out_of_range";

bool is_int64(Wide v) {
  return v >= int64_min && v <= int64_max;
}

// Never comes after every time.
bool sooner(const std::optional<UtcTime>& a, const std::optional<UtcTime>& b) {
  return a && (!b || *a < *b);
}

bool burns_before(const Lot& a, const Lot& b) {
  if (a.priority != b.priority) return a.priority < b.priority;
  if (sooner(a.expires_at, b.expires_at)) return true;
  if (sooner(b.expires_at, a.expires_at)) return false;
  if (a.purchased_at != b.purchased_at) return a.purchased_at < b.purchased_at;
  return a.number < b.number;
}

// The canonical bytes of an entry, as core/ledger_entry.h describes them: LEB128, zigzag for signed numbers, text after
// its length.
void write(std::string& out, std::uint64_t v) {
  while (v >= 128) {
    out += static_cast<char>(v % 128 + 128);
    v /= 128;
  }
  out += static_cast<char>(v);
}
void write_signed(std::string& out, Wide v) {
  write(out, static_cast<std::uint64_t>(v >= 0 ? 2 * v : -2 * v - 1));
}
void write_text(std::string& out, const std::string& v) {
  write(out, v.size());
  out += v;
}
char type_byte(const std::string& type) {
  const std::vector<std::string> names = {"grant", "debit", "adjustment", "expiry", "reversal"};
  return static_cast<char>(1 + (std::find(names.begin(), names.end(), type) - names.begin()));
}

std::string text_rule(const std::string& reference, const std::string& description, const std::string& metadata) {
  const bool too_long = reference.size() > 255 || description.size() > 1024 || metadata.size() > 4096;
  return too_long ? "invalid_argument/text_too_long" : "ok";
}

}  // namespace

// --- Sums

Wide NaiveLedger::balance() const {
  Wide sum = 0;
  for (const Entry& entry : entries) sum += entry.amount;
  return sum;
}

Wide NaiveLedger::reserved() const {
  Wide sum = 0;
  for (const Hold& hold : holds) {
    if (hold.status == "open") sum += hold.reserved;
  }
  return sum;
}

Wide NaiveLedger::in_lots() const {
  Wide sum = 0;
  for (const Lot& lot : lots) sum += lot.left;
  return sum;
}

std::size_t NaiveLedger::open_count() const {
  std::size_t count = 0;
  for (const Lot& lot : lots) count += lot.left > 0 ? 1 : 0;
  return count;
}

std::vector<const Lot*> NaiveLedger::open_lots() const {
  std::vector<const Lot*> open;
  for (const Lot& lot : lots) {
    if (lot.left > 0) open.push_back(&lot);
  }
  std::sort(open.begin(), open.end(), [](const Lot* a, const Lot* b) { return burns_before(*a, *b); });
  return open;
}

// What comes in must leave both the balance and the open lots within int64.
bool NaiveLedger::fits(Wide incoming) const {
  const Wide owed = debt();
  const Wide kept = incoming > owed ? incoming - owed : 0;
  return is_int64(balance() + incoming) && is_int64(in_lots() + kept);
}

// --- Lots and entries

Lot* NaiveLedger::lot_to_burn(bool also_expired) {
  Lot* best = nullptr;
  for (Lot& lot : lots) {
    if (lot.left == 0 || (expired(lot) && !also_expired)) continue;
    if (!best || burns_before(lot, *best)) best = &lot;
  }
  return best;
}

void NaiveLedger::burn(Wide amount, bool also_expired, std::vector<Share>& shares) {
  while (amount > 0) {
    Lot* lot = lot_to_burn(also_expired);
    if (!lot) return;
    const Wide part = std::min(amount, lot->left);
    lot->left -= part;
    if (lot->left == 0) lot->announced = false;
    amount -= part;
    const auto same = std::find_if(shares.begin(), shares.end(), [&](const Share& s) { return s.lot == lot->number; });
    if (same == shares.end()) {
      shares.push_back({lot->number, -part});
    } else {
      same->amount -= part;
    }
  }
}

Lot& NaiveLedger::new_lot(const std::string& origin, Wide amount, Wide left, std::optional<UtcTime> expires_at) {
  Lot& lot = lots.emplace_back();
  lot.number = lots.size();
  lot.origin = origin;
  lot.amount = amount;
  lot.left = left;
  lot.purchased_at = at_;
  lot.expires_at = expires_at;
  return lot;
}

Entry& NaiveLedger::post(const std::string& type, Wide amount, std::vector<Share> shares) {
  const std::string prev_hash = entries.empty() ? hash_(account_) : entries.back().hash;
  const UtcTime at = entries.empty() ? at_ : std::max(at_, entries.back().created_at);
  const Wide after = balance() + amount;
  Entry& entry = entries.emplace_back();
  entry.seq = entries.size();
  entry.type = type;
  entry.amount = amount;
  entry.balance_after = after;
  entry.created_at = at;
  entry.lots = std::move(shares);
  entry.prev_hash = prev_hash;
  return entry;
}

void NaiveLedger::seal(Entry& entry) {
  std::string bytes = entry.prev_hash;
  write(bytes, entry.seq);
  bytes += type_byte(entry.type);
  write_signed(bytes, entry.amount);
  write_signed(bytes, entry.balance_after);
  write_signed(bytes, entry.created_at.ms());
  write_text(bytes, entry.endpoint);
  write_text(bytes, entry.event_source);
  write_text(bytes, entry.event_id);
  write(bytes, entry.hold);
  write(bytes, entry.price_version);
  write(bytes, entry.reverses);
  write(bytes, entry.lots.size());
  for (const Share& share : entry.lots) {
    write(bytes, share.lot);
    write_signed(bytes, share.amount);
  }
  write_text(bytes, entry.description);
  write_text(bytes, entry.reference);
  write_text(bytes, entry.metadata);
  entry.hash = hash_(bytes);
}

void NaiveLedger::give(const std::string& origin, Wide amount, UtcTime expires_at, const std::string& description) {
  if (amount <= 0 || !fits(amount)) return;
  const Wide kept = std::max<Wide>(0, amount - debt());
  Lot& lot = new_lot(origin, amount, kept, expires_at);
  lot.description = description;
  Entry& entry = post("grant", amount, {{lot.number, kept}});
  entry.description = description;
  seal(entry);
}

std::string NaiveLedger::grant(const GrantCall& call) {
  if (call.amount <= 0) return "invalid_argument/invalid_amount";
  const UtcTime purchased_at = call.purchased_at ? *call.purchased_at : at_;
  if (purchased_at > at_) return "invalid_argument/invalid_purchased_at";
  std::optional<UtcTime> expires_at;
  if (!call.never_expires) expires_at = call.expires_at ? *call.expires_at : add_months(purchased_at, 12);
  if (expires_at && *expires_at <= at_) return "invalid_argument/invalid_expires_at";
  if (const auto rule = text_rule(call.reference, call.description, call.metadata); rule != "ok") return rule;
  if (!fits(call.amount)) return out_of_range;
  if (open_count() >= 1000) return "conflict/too_many_lots";
  const Wide kept = std::max<Wide>(0, call.amount - debt());
  Lot& lot = new_lot("grant", call.amount, kept, expires_at);
  lot.priority = call.priority;
  lot.purchased_at = purchased_at;
  lot.reference = call.reference;
  lot.description = call.description;
  lot.metadata = call.metadata;
  Entry& entry = post("grant", call.amount, {{lot.number, kept}});
  entry.reference = call.reference;
  entry.description = call.description;
  entry.metadata = call.metadata;
  seal(entry);
  expire();
  return "ok";
}

std::string NaiveLedger::adjust(Wide amount, const std::string& description, const std::string& reference) {
  if (amount == 0) return "invalid_argument/invalid_amount";
  if (const auto rule = text_rule(reference, description, ""); rule != "ok") return rule;
  std::vector<Share> shares;
  if (amount > 0) {
    if (!fits(amount)) return out_of_range;
    if (open_count() >= 1000) return "conflict/too_many_lots";
    const Wide kept = std::max<Wide>(0, amount - debt());
    Lot& lot = new_lot("adjustment", amount, kept, std::nullopt);
    lot.description = description;
    lot.reference = reference;
    shares.push_back({lot.number, kept});
  } else {
    if (debt() - amount > int64_max) return out_of_range;
    burn(-amount, false, shares);
  }
  Entry& entry = post("adjustment", amount, std::move(shares));
  entry.description = description;
  entry.reference = reference;
  seal(entry);
  expire();
  return "ok";
}

void NaiveLedger::charge(const DebitCall& call, std::uint64_t hold, std::vector<Share> shares) {
  Entry& entry = post("debit", -call.amount, std::move(shares));
  entry.endpoint = call.endpoint;
  entry.event_source = call.event_source;
  entry.event_id = call.event_id;
  entry.hold = hold;
  entry.price_version = call.price_version;
  entry.description = call.description;
  entry.reference = call.reference;
  seal(entry);
}

std::string NaiveLedger::debit(const DebitCall& call) {
  if (call.amount < 0) return "invalid_argument/invalid_amount";
  if (terms.unlimited || call.amount == 0) return "ok";
  if (debt() + call.amount > int64_max) return out_of_range;
  std::vector<Share> shares;
  burn(call.amount, false, shares);
  charge(call, 0, std::move(shares));
  expire();
  return "ok";
}

// --- Holds

Hold* NaiveLedger::open_hold(std::uint64_t number) {
  if (number == 0 || number > holds.size() || holds[number - 1].status != "open") return nullptr;
  return &holds[number - 1];
}

void NaiveLedger::resolve(Hold& hold, const std::string& status) {
  hold.status = status;
  hold.resolved_at = at_;
}

std::string NaiveLedger::hold(Wide credits, std::int64_t ttl_ms, const std::string& endpoint,
                              std::uint32_t price_version) {
  if (credits < 0) return "invalid_argument/invalid_amount";
  if (ttl_ms <= 0 || ttl_ms > hold_ttl_max_ms) return "invalid_argument/invalid_ttl";
  const auto is_open = [](const Hold& hold) { return hold.status == "open"; };
  if (std::count_if(holds.begin(), holds.end(), is_open) >= 10'000) return "rate_limited/too_many_holds";
  if (!terms.unlimited) {
    if (credits > balance() - reserved() + terms.overdraft_limit) return "insufficient_credits";
    if (reserved() + credits > int64_max) return out_of_range;
  }
  Hold& hold = holds.emplace_back();
  hold.number = holds.size();
  hold.credits = credits;
  hold.reserved = terms.unlimited ? 0 : credits;
  hold.created_at = at_;
  hold.expires_at = at_ + ttl_ms;
  hold.endpoint = endpoint;
  hold.price_version = price_version;
  return "ok";
}

std::string NaiveLedger::settle(std::uint64_t number, const DebitCall& call) {
  Hold* hold = open_hold(number);
  if (!hold) return "not_found";
  if (call.amount < 0) return "invalid_argument/invalid_amount";
  const Wide covered = std::min(call.amount, hold->reserved);
  const Wide more = call.amount - covered;
  if (!terms.unlimited) {
    if (more > 0 && more > balance() - reserved() + terms.overdraft_limit) return "insufficient_credits";
    if (debt() + call.amount > int64_max) return out_of_range;
  }
  resolve(*hold, "settled");
  hold->settled = call.amount;
  hold->event_source = call.event_source;
  hold->event_id = call.event_id;
  if (!terms.unlimited && call.amount > 0) {
    std::vector<Share> shares;
    burn(covered, true, shares);
    burn(more, false, shares);
    charge(call, number, std::move(shares));
    hold->entry = entries.back().seq;
  }
  expire();
  return "ok";
}

std::string NaiveLedger::release(std::uint64_t number) {
  Hold* hold = open_hold(number);
  if (!hold) return "not_found";
  resolve(*hold, "released");
  expire();
  return "ok";
}

// --- Corrections, allocations, reloads

std::string NaiveLedger::reverse(std::uint64_t seq, const std::string& description) {
  const Entry debit = entries[seq - 1];
  Wide back = -debit.amount;
  std::vector<Share> living;
  for (const Share& share : debit.lots) {
    if (expired(lots[share.lot - 1])) {
      back += share.amount;
    } else {
      living.push_back({share.lot, -share.amount});
    }
  }
  if (!fits(back)) return out_of_range;
  Wide left = std::max<Wide>(0, back - debt());
  std::vector<Share> shares;
  for (const Share& share : living) {
    const Wide part = std::min(left, share.amount);
    if (part == 0) continue;
    Lot& lot = lots[share.lot - 1];
    lot.left += part;
    left -= part;
    shares.push_back({lot.number, part});
  }
  if (left > 0) {
    Lot& lot = new_lot("reversal", left, left, add_months(at_, 12));
    lot.description = description;
    shares.push_back({lot.number, left});
  }
  Entry& entry = post("reversal", back, std::move(shares));
  entry.endpoint = debit.endpoint;
  entry.event_source = debit.event_source;
  entry.event_id = debit.event_id;
  entry.price_version = debit.price_version;
  entry.reverses = seq;
  entry.description = description;
  seal(entry);
  expire();
  return "ok";
}

std::string NaiveLedger::start_allocation(Wide amount) {
  if (amount < 0) return "invalid_argument/invalid_amount";
  if (allocated_month >= month_of(at_)) return "ok";
  if (!fits(amount)) return out_of_range;
  allocated_month = month_of(at_);
  give("allocation", amount, start_of_month(allocated_month + 1), "monthly allocation");
  expire();
  return "ok";
}

std::string NaiveLedger::reload_paid(std::uint64_t number, const std::string& reference) {
  if (number == 0 || number != reloads.size() || !reloads.back().outcome.empty()) return "no";
  Reload& reload = reloads.back();
  if (!fits(reload.amount)) return out_of_range;
  reload.outcome = "paid";
  const Wide kept = std::max<Wide>(0, reload.amount - debt());
  Lot& lot = new_lot("reload", reload.amount, kept, add_months(at_, 12));
  lot.reference = reference;
  lot.description = "auto-reload";
  const std::uint64_t lot_number = lot.number;
  Entry& entry = post("grant", reload.amount, {{lot_number, kept}});
  entry.reference = reference;
  entry.description = "auto-reload";
  seal(entry);
  expire();
  notices.push_back({"reloaded", available(), reload.amount, lot_number, at_});
  return "ok";
}

std::string NaiveLedger::reload_declined(std::uint64_t number) {
  if (number == 0 || number != reloads.size() || !reloads.back().outcome.empty()) return "no";
  Reload& reload = reloads.back();
  reload.outcome = "declined";
  reload_not_before = at_ + an_hour_ms;
  return "ok";
}

}  // namespace tally::naive

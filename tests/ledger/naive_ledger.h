// The ledger's rules a second time, as plainly as they can be written: every lot, hold and entry there ever was is
// kept, every sum is added up anew, amounts are 128 bits wide and only the result is held against int64. Written from
// the rules in core/ledger.h and shares no code with it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"

namespace tally::naive {

__extension__ using Wide = __int128;
using Hash = std::function<std::string(const std::string&)>;

struct Share {
  std::uint64_t lot = 0;
  Wide amount = 0;
};

struct Entry {
  std::uint64_t seq = 0;
  std::string type;
  Wide amount = 0;
  Wide balance_after = 0;
  UtcTime created_at;
  std::string endpoint;
  std::string event_source;
  std::string event_id;
  std::uint64_t hold = 0;
  std::uint32_t price_version = 0;
  std::uint64_t reverses = 0;
  std::vector<Share> lots;
  std::string description;
  std::string reference;
  std::string metadata;
  std::string prev_hash;
  std::string hash;
};

struct Lot {
  std::uint64_t number = 0;
  std::string origin;
  Wide amount = 0;
  Wide left = 0;
  std::int32_t priority = 0;
  UtcTime purchased_at;
  std::optional<UtcTime> expires_at;
  std::string reference;
  std::string description;
  std::string metadata;
  bool announced = false;
};

struct Hold {
  std::uint64_t number = 0;
  std::string status = "open";
  Wide credits = 0;
  Wide reserved = 0;
  Wide settled = 0;
  UtcTime created_at;
  UtcTime expires_at;
  UtcTime resolved_at;
  std::string endpoint;
  std::uint32_t price_version = 0;
  std::uint64_t entry = 0;
  std::string event_source;
  std::string event_id;
};

struct Terms {
  Wide overdraft_limit = 0;
  bool unlimited = false;
  std::optional<Wide> monthly_allocation;
  bool rollover = false;
  std::optional<Wide> rollover_cap;
  std::vector<Wide> thresholds;
  bool reload_enabled = false;
  Wide reload_threshold = 0;
  Wide reload_amount = 0;
  std::optional<Wide> reload_daily_cap;
};

struct Notice {
  std::string kind;
  Wide available = 0;
  Wide amount = 0;
  std::uint64_t lot = 0;
  UtcTime at;
};

struct Reload {
  std::uint64_t number = 0;
  Wide amount = 0;
  std::int32_t day = 0;  // on which it was asked for
  std::string outcome;   // empty: none yet; "paid" or "declined"
};

struct GrantCall {
  Wide amount = 0;
  std::optional<UtcTime> purchased_at;
  bool never_expires = false;
  std::optional<UtcTime> expires_at;
  std::int32_t priority = 0;
  std::string reference;
  std::string description;
  std::string metadata;
};

struct DebitCall {
  Wide amount = 0;
  std::string endpoint;
  std::string event_source;
  std::string event_id;
  std::uint32_t price_version = 0;
  std::string description;
  std::string reference;
};

// A command: begin, any calls, end. A call answers "ok", or "code" or "code/rule" of what refused it.
class NaiveLedger {
 public:
  NaiveLedger(std::string account, Hash hash) : account_(std::move(account)), hash_(std::move(hash)) {}

  void begin(UtcTime now);
  std::string grant(const GrantCall& call);
  std::string adjust(Wide amount, const std::string& description, const std::string& reference);
  std::string debit(const DebitCall& call);
  std::string hold(Wide credits, std::int64_t ttl_ms, const std::string& endpoint, std::uint32_t price_version);
  std::string settle(std::uint64_t number, const DebitCall& call);
  std::string release(std::uint64_t number);
  std::string reverse(std::uint64_t seq, const std::string& description);
  std::string start_allocation(Wide amount);
  std::string reload_paid(std::uint64_t number, const std::string& reference);  // "no": it had an outcome
  std::string reload_declined(std::uint64_t number);
  void end();

  Wide balance() const;
  Wide reserved() const;
  Wide in_lots() const;
  Wide debt() const { return in_lots() - balance(); }
  Wide available() const { return balance() > reserved() ? balance() - reserved() : 0; }
  std::vector<const Lot*> open_lots() const;  // in burn order
  std::optional<UtcTime> due_at() const;
  UtcTime now() const { return at_; }

  Terms terms;
  std::vector<Lot> lots;
  std::vector<Entry> entries;
  std::vector<Hold> holds;
  std::vector<Reload> reloads;
  std::int32_t allocated_month = -1;
  UtcTime reload_not_before;
  // Of the command that ran last.
  std::vector<Notice> notices;
  std::optional<Reload> asked;

 private:
  std::optional<UtcTime> next_instant(UtcTime after) const;
  void live_through(UtcTime instant);
  void turn_month();
  void expire();
  void announce();
  std::optional<UtcTime> reload_at(UtcTime earliest) const;
  void ask_for_reload();

  bool expired(const Lot& lot) const { return lot.expires_at && *lot.expires_at <= at_; }
  bool fits(Wide incoming) const;
  std::size_t open_count() const;
  Lot* lot_to_burn(bool also_expired);
  Lot& new_lot(const std::string& origin, Wide amount, Wide left, std::optional<UtcTime> expires_at);
  void burn(Wide amount, bool also_expired, std::vector<Share>& shares);
  Entry& post(const std::string& type, Wide amount, std::vector<Share> shares);
  void seal(Entry& entry);
  void charge(const DebitCall& call, std::uint64_t hold, std::vector<Share> shares);
  void give(const std::string& origin, Wide amount, UtcTime expires_at, const std::string& description);
  Hold* open_hold(std::uint64_t number);
  void resolve(Hold& hold, const std::string& status);

  std::string account_;
  Hash hash_;
  UtcTime at_;
  bool begun_ = false;
  Wide available_before_ = 0;
};

}  // namespace tally::naive

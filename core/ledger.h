// The ledger: what credits an account has, and the only rules by which they change.
//
// An account's credits lie in lots. A balance is the sum of all entries; it equals what is left in the open lots minus
// the open debt. `reserved` is the sum of the open holds; `available` = max(0, balance - reserved).
//
// Burn order: lower priority, sooner expires_at (never last), earlier purchased_at, lower lot number.
//
// Time. Before anything else a command brings the state up to its `now`, one due thing after the other in the order of
// their times (at one time: holds, then the month, then lots), each posted under the time it was due; so the entries
// are the same however late they are posted. No entry is dated before the one before it.
// - A hold past its expires_at expires: its credits are available again.
// - At the start of each month after `allocated_month`, with a monthly allocation: what is left in the lots of the
//   month that ends is granted again for the new month (rollover only, at most rollover_cap), then the allocation; both
//   lots end with the month. Without an allocation it has ended: nothing is granted until it is started again.
// - A lot past its expires_at leaves by an expiry entry, except for what open holds still need: of all expired credits
//   max(0, reserved - credits in unexpired lots) stay, those that expired last. Such credits pay only for settled holds
//   (as far as these had reserved), and leave as soon as fewer credits are reserved or more are unexpired.
//
// Debt. A debit burns unexpired lots and what they do not cover becomes open debt. Whatever comes in (grant, positive
// adjustment, reversal) pays open debt first; only the rest is left in the lot.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ledger_entry.h"
#include "core/ledger_terms.h"

namespace tally {

inline constexpr int grant_validity_months = 12;  // the default: calendar months after purchase
inline constexpr std::int64_t expiry_notice_ms = 7 * day_ms;
inline constexpr std::int64_t reload_backoff_ms = hour_ms;
inline constexpr std::size_t open_lots_max = 1'000;    // per account; bounds the size of its state
inline constexpr std::size_t open_holds_max = 10'000;  // per account
inline constexpr std::int64_t hold_ttl_ms_max = 7 * day_ms;
inline constexpr std::size_t ledger_reference_bytes_max = 255;
inline constexpr std::size_t ledger_description_bytes_max = 1'024;
inline constexpr std::size_t ledger_metadata_bytes_max = 4'096;

enum class LotOrigin : std::uint8_t { grant = 1, allocation, rollover, reload, adjustment, reversal };
std::string_view to_string(LotOrigin origin) noexcept;

// What was granted. Never changed; what is left of it is in the state.
struct Lot {
  std::uint64_t number = 0;  // from 1, per account
  LotOrigin origin = LotOrigin::grant;
  Credits amount;
  std::int32_t priority = 0;
  UtcTime purchased_at;
  std::optional<UtcTime> expires_at;  // never, if empty
  std::string reference;
  std::string description;
  std::string metadata;
};

struct OpenLot {
  std::uint64_t number = 0;
  LotOrigin origin = LotOrigin::grant;
  Credits remaining;  // > 0
  std::int32_t priority = 0;
  UtcTime purchased_at;
  std::optional<UtcTime> expires_at;
  bool expiry_announced = false;
};
bool burns_before(const OpenLot& a, const OpenLot& b) noexcept;  // in burn order

enum class HoldStatus : std::uint8_t { open = 1, settled, released, expired };
std::string_view to_string(HoldStatus status) noexcept;

struct Hold {
  std::uint64_t number = 0;  // from 1, per account
  HoldStatus status = HoldStatus::open;
  Credits credits;
  Credits reserved;  // as `credits`, but nothing in an unlimited account
  Credits settled;   // once settled
  UtcTime created_at;
  UtcTime expires_at;
  UtcTime resolved_at;
  std::string endpoint;
  std::uint32_t price_version = 0;
  std::uint64_t entry = 0;   // the debit, once settled for more than nothing
  std::string event_source;  // settled by this event, if event_id is not empty
  std::string event_id;
};

struct ReloadState {
  std::uint64_t last = 0;  // the number of the last request
  bool pending = false;    // it has no outcome yet
  Credits amount;          // of the last one
  UtcTime not_before;      // of the next one
  std::int32_t day = 0;    // of the last one
  Credits paid;            // of those of that day
};

struct LedgerState {
  Credits balance;
  Credits reserved;
  Credits in_lots;  // the sum over `lots`; debt = in_lots - balance
  std::uint64_t last_entry = 0;
  std::uint64_t last_lot = 0;
  std::uint64_t last_hold = 0;
  Digest last_hash{};                 // meaningless before the first entry
  UtcTime last_at;                    // created_at of the last entry
  std::vector<OpenLot> lots;          // in burn order
  std::int32_t allocated_month = -1;  // the last one that was granted; -1: no allocation goes on
  ReloadState reload;
  std::optional<UtcTime> due_at;                              // when time alone changes something next
  std::map<std::uint64_t, Hold> holds;                        // the open ones
  std::set<std::pair<UtcTime, std::uint64_t>> hold_expiries;  // of the same

  Credits available() const noexcept;
  Credits debt() const noexcept { return Credits::from_micros(in_lots.micros() - balance.micros()); }
};

// Everything but the holds, which have rows of their own; add_hold gives them back one by one.
std::string encode(const LedgerState& state);
Result<LedgerState> decode_ledger_state(std::string_view bytes);
void add_hold(LedgerState& state, Hold hold);
std::string encode(const Lot& lot);
Result<Lot> decode_lot(std::string_view bytes);
std::string encode(const Hold& hold);
Result<Hold> decode_hold(std::string_view bytes);

struct Grant {
  Credits amount;                       // > 0
  std::optional<UtcTime> purchased_at;  // default now; not in the future
  bool never_expires = false;
  std::optional<UtcTime> expires_at;  // default grant_validity_months after purchase, month-end safe; after now
  std::int32_t priority = 0;
  std::string reference;
  std::string description;
  std::string metadata;
};

struct Debit {
  Credits amount;  // >= 0
  std::string endpoint;
  std::string event_source;
  std::string event_id;
  std::uint32_t price_version = 0;
  std::string description;
  std::string reference;
};

struct HoldRequest {
  Credits credits;  // >= 0
  std::int64_t ttl_ms = minute_ms;
  std::string endpoint;
  std::uint32_t price_version = 0;
};

struct Notice {
  enum class Kind : std::uint8_t { low = 1, exhausted, expiring, reloaded };
  Kind kind = Kind::low;
  Credits available;
  Credits amount;  // low: the threshold; expiring: what is left of the lot; reloaded: what was granted
  std::uint64_t lot = 0;
  UtcTime at;  // expiring: when
};

struct ReloadRequest {
  std::uint64_t number = 0;
  Credits amount;
};

// What a command did, for the store: everything in it was decided together and is written together.
struct LedgerChanges {
  std::vector<LedgerEntry> entries;
  std::vector<Lot> lots;
  std::vector<Hold> holds;  // new or resolved, as they are now; later ones over earlier ones
  std::vector<Notice> notices;
  std::optional<ReloadRequest> reload;
  bool changed = false;  // `state` differs from what was stored, though there may be no entry
};

// One command on one account's ledger. The constructor brings `state` up to `now`; each call then decides and changes,
// or refuses and changes nothing; finish() ends the command. What the constructor did stands even if every call is
// refused, so finish() and its changes must be stored in any case.
class Ledger {
 public:
  // `account` and `terms` must outlive it.
  Ledger(const AccountId& account, LedgerState& state, const LedgerTerms& terms, UtcTime now, HashFunction hash);

  // All errors are Errc::invalid_argument with a rule of their own unless said otherwise. `amount_out_of_range`: the
  // balance or the sum of the open lots would pass int64, or what is taken and the open debt together would.

  // Rules: invalid_amount, invalid_purchased_at, invalid_expires_at, text_too_long; too_many_lots is Errc::conflict.
  Result<Lot> grant(const Grant& grant);
  // A positive amount becomes a lot that never expires; a negative one burns as a debit does. invalid_amount for 0.
  Result<void> adjust(Credits amount, std::string description, std::string reference);
  // Usage that happened: always recorded. Gives the entry's seq; 0 (no entry) for nothing or for an unlimited account.
  Result<std::uint64_t> debit(Debit debit);

  // Errc::insufficient_credits above balance - reserved + overdraft_limit. too_many_holds is Errc::rate_limited.
  // invalid_ttl.
  Result<Hold> hold(const HoldRequest& request);
  // Debits `debit.amount`: what was reserved always; more only if balance - reserved + overdraft_limit covers it, else
  // Errc::insufficient_credits. Errc::not_found unless `number` is an open hold.
  Result<Hold> settle(std::uint64_t number, const Debit& debit);
  Result<Hold> release(std::uint64_t number);

  // Gives back what `debit` took, to the lots it came from unless those expired; what had been debt, and has been paid
  // since, becomes a lot of its own that lasts as a grant's. `lots` are the lots that `debit` names. The caller sees to
  // it that no debit is reversed twice.
  Result<void> reverse(const LedgerEntry& debit, std::span<const Lot> lots, std::string description);

  // A subscription with an allocation begins or goes on: the running month is granted unless it was before.
  Result<void> start_allocation(Credits amount);

  // The outcome of reload request `number`; false: it had one already, nothing changed.
  Result<bool> reload_paid(std::uint64_t number, std::string reference);
  bool reload_declined(std::uint64_t number);  // the next request waits for reload_backoff_ms

  const LedgerState& state() const noexcept { return state_; }
  const std::vector<LedgerEntry>& entries() const noexcept { return changes_.entries; }
  UtcTime now() const noexcept { return at_; }

  // Call once, last: notices, the next reload request, the next due time.
  LedgerChanges finish();

 private:
  enum class Due : std::uint8_t { hold = 1, month, lot, notice, reload };
  struct NextDue {
    UtcTime at;
    Due what;
  };
  std::optional<NextDue> next_due() const;
  void advance(UtcTime now);
  void expire_hold(std::uint64_t number);
  void turn_month();
  void expire_lots();
  void announce_expiries();

  Result<void> check_text(std::string_view reference, std::string_view description, std::string_view metadata) const;
  Result<void> check_incoming(Credits amount) const;
  Lot& open_lot(Lot lot);  // numbered, with what the debt leaves of it
  void give_lot(LotOrigin origin, Credits amount, UtcTime expires_at, std::string description);
  void take(OpenLot& lot, Credits amount, std::vector<LotShare>& shares);
  void burn(Credits amount, bool also_expired, std::vector<LotShare>& shares);
  void insert(OpenLot lot);
  void drop_empty_lots();
  bool is_expired(const OpenLot& lot) const noexcept { return lot.expires_at && *lot.expires_at <= at_; }
  LedgerEntry& post(EntryType type, Credits amount, std::vector<LotShare> shares);
  void seal(LedgerEntry& entry);
  Hold resolve(std::uint64_t number, HoldStatus status);
  std::optional<UtcTime> reload_due() const;
  void request_reload();
  void notice_levels();

  const AccountId& account_;
  LedgerState& state_;
  const LedgerTerms& terms_;
  HashFunction hash_;
  UtcTime at_;  // the time that is being decided for
  Credits available_before_;
  LedgerChanges changes_;
};

}  // namespace tally

// The commands about credits: grants, adjustments, holds, balances and why they are what they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/tally/session.h"

namespace tally::tools {

// A command that changes something sends `idempotency_key`, or one that it makes, so that its repetition does no harm.

struct GrantFields {
  std::string account;
  std::string amount;
  std::optional<std::string> expires_at;
  bool never_expires = false;
  std::optional<std::string> purchased_at;
  std::optional<std::int64_t> priority;
  std::optional<std::string> reference;
  std::optional<std::string> description;
  std::string idempotency_key;
};
int grant(Session& session, const GrantFields& fields);

struct AdjustFields {
  std::string account;
  std::string amount;  // signed
  std::string reason;
  std::optional<std::string> reference;
  std::string idempotency_key;
};
int adjust(Session& session, const AdjustFields& fields);

// Takes back what a usage event was charged.
struct ReverseFields {
  std::string account;
  std::string source;  // may be empty
  std::string id;
  std::string reason;
  std::string idempotency_key;
};
int reverse(Session& session, const ReverseFields& fields);

struct ReloadFields {
  std::string account;
  bool off = false;
  std::optional<std::string> threshold;
  std::optional<std::string> amount;
  std::optional<std::string> daily_cap;
};
// Sets the auto-reload whole, turns it off (its figures stay), or shows it when nothing is named.
int reload(Session& session, const ReloadFields& fields);

// The figures and the open lots.
int balance(Session& session, const std::string& account);

struct LedgerQuery {
  std::string account;
  std::uint64_t limit = 50;  // 0: all
  std::optional<std::string> type;
  std::optional<std::string> from;
  std::optional<std::string> to;
};
int ledger(Session& session, const LedgerQuery& query);

// One entry in words. `entry` is its id (ent_7) or its number.
int explain(Session& session, const std::string& account, const std::string& entry);

struct HoldFields {
  std::string account;
  std::optional<std::string> credits;
  std::optional<std::string> endpoint;
  std::optional<std::int64_t> quantity;
  std::optional<std::int64_t> ttl_seconds;
  std::string idempotency_key;
};
int hold_create(Session& session, const HoldFields& fields);

// By credits, or by the usage event that happened under the hold; then `credits` is what that event costs.
struct SettleFields {
  std::string hold;
  std::optional<std::string> credits;
  std::optional<std::string> event_id;
  std::optional<std::string> source;
  std::optional<std::string> endpoint;
  std::optional<std::string> time;
  std::optional<std::int64_t> results;
  bool failed = false;
  std::string idempotency_key;
};
int hold_settle(Session& session, const SettleFields& fields);

struct ReleaseFields {
  std::string hold;
  std::string idempotency_key;
};
int hold_release(Session& session, const ReleaseFields& fields);
int hold_show(Session& session, const std::string& hold);

}  // namespace tally::tools

// The operator's commands, each from its parsed options to an exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/tally/session.h"

namespace tally::tools {

// What is not given is left out of the request, so that a change touches nothing else.
struct AccountFields {
  std::string id;
  std::optional<std::string> name;
  std::optional<std::string> email;
  std::optional<std::string> password;
  std::optional<std::string> currency;
  std::optional<std::string> overdraft_limit;
  std::optional<std::vector<std::string>> low_balance_thresholds;
  std::string idempotency_key;  // creating
};
int account_create(Session& session, const AccountFields& fields);
int account_change(Session& session, const AccountFields& fields);
int account_show(Session& session, const std::string& id);
// Every page, or the first `limit` (0: all). With --json one object a line.
int account_list(Session& session, std::uint64_t limit);

struct KeyFields {
  std::string id;  // of the account when creating, of the key when changing
  std::optional<std::string> kind;
  std::optional<std::string> format;
  std::optional<std::string> status;
  std::optional<std::string> name;
  std::optional<std::vector<std::string>> scopes;
  std::optional<std::vector<std::string>> allowed_ips;
  std::optional<std::int64_t> per_second;
  std::optional<std::int64_t> per_minute;
  std::optional<std::int64_t> per_hour;
  std::optional<std::int64_t> per_day;
  std::optional<std::string> expires_at;
  std::string idempotency_key;  // creating
};
int key_create(Session& session, const KeyFields& fields);
int key_change(Session& session, const KeyFields& fields);
int key_list(Session& session, const std::string& account, std::uint64_t limit);
int key_delete(Session& session, const std::string& id);

struct PriceFields {
  std::string endpoint;
  std::string credits;
  std::optional<std::string> category;
  std::optional<std::string> charge_on;
  std::vector<std::string> options;  // NAME=CREDITS
  std::optional<std::string> effective_at;
  std::optional<std::string> list;  // the text of a file: a list of prices, or {"prices":[…]}
  std::string idempotency_key;
};
int price_set(Session& session, const PriceFields& fields);
int price_list(Session& session, std::uint64_t limit);
int price_show(Session& session, const std::string& endpoint);
int price_delete(Session& session, const std::string& endpoint);

struct SubscriptionFields {
  std::string account;
  std::string plan;
  std::optional<std::string> monthly_allocation;
  bool unlimited = false;
  bool rollover = false;
  std::optional<std::string> rollover_cap;
};
int subscription_set(Session& session, const SubscriptionFields& fields);
int subscription_show(Session& session, const std::string& account);

// A usage report of the customer whose key the settings hold.
struct UsageQuery {
  std::optional<std::string> month;  // YYYY-MM; instead of from and to
  std::optional<std::string> from;
  std::optional<std::string> to;
  std::string granularity = "day";
  std::vector<std::string> group_by;
  int timeout_seconds = 60;
};
int usage(Session& session, const UsageQuery& query);

}  // namespace tally::tools

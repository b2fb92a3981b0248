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

// A usage report of the customer whose key the settings hold. Times are as tools/tally/time_words.h reads them.
struct UsageQuery {
  std::optional<std::string> month;  // instead of from and to
  std::optional<std::string> from;
  std::optional<std::string> to;
  std::optional<std::string> granularity;  // default: day; of reports that have no periods, month for whole months
  std::vector<std::string> group_by;
  int timeout_seconds = 60;
};
int usage(Session& session, const UsageQuery& query);

// Any report. Shown as a table, or as it is: in another format than JSON, or to a file ("-": standard output).
struct ReportQuery {
  UsageQuery usage;
  std::vector<std::string> accounts;  // the operator's report over these, {"*"}: over all; none: the customer's own
  std::optional<std::string> prices;  // a draft, as JSON: for what_if
  std::string type = "usage";
  std::string format = "json";
  std::string output;
};
int make_and_show_report(Session& session, const ReportQuery& query);

// The reports of the customer whose key the settings hold, or those over many accounts (Settings::as_operator).
int job_list(Session& session, std::uint64_t limit);
int job_show(Session& session, const std::string& id);
int job_cancel(Session& session, const std::string& id);

// The webhooks of the customer whose key the settings hold.
struct WebhookFields {
  std::string url;
  std::vector<std::string> events;
  std::string idempotency_key;
};
int webhook_create(Session& session, const WebhookFields& fields);
int webhook_list(Session& session);
int webhook_test(Session& session, const std::string& id);
int webhook_rotate(Session& session, const std::string& id);
int webhook_enable(Session& session, const std::string& id);
int webhook_delete(Session& session, const std::string& id);

int delivery_list(Session& session, const std::string& status, std::uint64_t limit);
int delivery_show(Session& session, const std::string& id);
// One, or all that were created in a range of time.
struct ReplayFields {
  std::string id;
  std::optional<std::string> account;
  std::optional<std::string> webhook;
  std::string status = "dead";
  std::optional<std::string> from;
  std::optional<std::string> to;  // default: now
  std::string idempotency_key;    // of one
};
int delivery_replay(Session& session, const ReplayFields& fields);

struct ScheduleFields {
  std::string account;
  std::string when;
  std::optional<std::string> name;
  std::string type = "usage";
  std::string period = "previous_month";
  std::string granularity = "day";
  std::vector<std::string> group_by;
  std::optional<std::string> format;
  std::optional<std::string> callback_url;
  std::optional<std::string> start_at;
  std::string idempotency_key;
};
int schedule_create(Session& session, const ScheduleFields& fields);
int schedule_list(Session& session, std::uint64_t limit);
int schedule_show(Session& session, const std::string& id);
int schedule_pause(Session& session, const std::string& id);
int schedule_resume(Session& session, const std::string& id);
int schedule_delete(Session& session, const std::string& id);

}  // namespace tally::tools

// Accounts with keys on a server under test, and the requests that they send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/report.h"
#include "tools/bench/child_server.h"

namespace tally::tools::bench {

struct Customer {
  std::string account;
  std::string key;
  std::string secret;
  std::string headers;  // X-API-Key and X-API-Secret, as lines
};

// The accounts `account_name(0)` to `account_name(count - 1)`, each with a key pair whose limits are never reached, so
// that every request is counted against them.
std::vector<Customer> create_customers(const Tallyd& server, std::uint32_t count);
// The accounts alone.
void create_accounts(const Tallyd& server, std::uint32_t count);
// Grants each of the first `count` accounts as many credits.
void grant_credits(const Tallyd& server, std::uint32_t count, const std::string& credits);
// A price for each endpoint of the workload.
void create_prices(const Tallyd& server);

// POST /v1/reports. `more_headers` are complete lines.
std::string report_request(const Customer& customer, const ReportRequest& order, std::string_view callback_url = {},
                           std::string_view more_headers = {});
std::string get_request(const Customer& customer, const std::string& target);

// Waits until the server has finished every job of theirs.
void finish_jobs(const Tallyd& server, const std::vector<Customer>& customers);
// Σ requests over the workload's range that the customers' own reports tell.
std::uint64_t reported_requests(const Tallyd& server, const std::vector<Customer>& customers, std::int32_t first_day);

// A string member's text or a number's digits, from the first place where the name occurs; for answers too many to
// parse. Gives up without one.
std::string_view member(std::string_view json, std::string_view name);
std::int64_t integer_member(std::string_view json, std::string_view name);

}  // namespace tally::tools::bench

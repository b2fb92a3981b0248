// Rich Utilities on the wire: errors, bodies, and the objects of its account API.
//
// Source: the vendor's document of the Account API. Ours, where it is silent: the error shape
// `{"error":{"code","message"}}`, the members of Subscription, and that `amount` is signed, so that `balance_after` is
// the one before plus `amount`.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "core/account.h"
#include "core/ledger.h"
#include "core/report.h"
#include "http/json.h"
#include "http/json_writer.h"
#include "http/request.h"

namespace tally::http {

Response rich_error(int status, std::string_view code, std::string_view message);
Response rich_failure(const Error& error);
// A problem of our own API in this dialect's shape; anything else as it is.
Response rich_from_problem(Response response);

// The body as a JSON object, or after a refusal (415, 400, 422) was put into `refusal`, nothing. Members that nobody
// asks for are ignored.
std::optional<JsonValue> rich_body(Request& request, Response& refusal);
// A member that is text. Errc::invalid_argument `missing_<name>` or `invalid_<name>`.
Result<std::string> rich_text(const JsonValue& body, std::string_view name);

// The days, months or years that usage is shown by.
std::string_view rich_period(Granularity granularity) noexcept;  // "daily"
std::optional<Granularity> parse_rich_period(std::string_view word) noexcept;

// What one UsageStats object tells.
struct RichStats {
  TimeRange range;
  Counters totals;
  std::vector<std::pair<std::string_view, std::int64_t>> requests_by_endpoint;
};
// The members of a UsageStats; the object around them is the caller's.
void write_stats(JsonWriter& out, const Account& account, Granularity period, const RichStats& stats);

void write_credit_balance(JsonWriter& out, const Account& account, const LedgerState& state);
void write_rich_subscription(JsonWriter& out, const Subscription& subscription, UtcTime now);

// Entries by the word that this dialect has for them: a grant is a credit, a debit a debit, and all else (adjustments,
// credits that expired, debits that were taken back) is an adjustment.
std::string_view rich_entry_type(EntryType type) noexcept;
std::optional<std::vector<EntryType>> rich_entry_types(std::string_view word);
void write_rich_entry(JsonWriter& out, const Account& account, const LedgerEntry& entry);

}  // namespace tally::http

// What InsideView's calls answer, as XML and as JSON: element for element as the vendor's schema and examples have it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/job.h"
#include "core/rollup.h"
#include "core/time.h"
#include "http/request.h"

namespace tally::http::insideview {

enum class Format : std::uint8_t { xml, json };

// JSON where `Accept` prefers it to XML, and for a path that ends in ".json".
Format format_of(const Request& request);

enum class Period : std::uint8_t { day, month, year };
std::optional<Period> parse_period(std::string_view word) noexcept;
std::string_view to_string(Period period) noexcept;
Granularity granularity_of(Period period) noexcept;
// The start of the period that `text` names: YYYY-MM-DD, YYYY-MM or YYYY.
std::optional<UtcTime> parse_date(Period period, std::string_view text);
std::string date_text(Period period, UtcTime start);

// "Tue, Jul 21, 2015 09:08:17 PM GMT".
std::string expiration_text(UtcTime time);

// The average with one decimal, halves away from zero ("74.0"); nothing without any.
std::optional<std::string> average_text(const MatchRates& rates);

struct UsageRow {
  std::string api;
  std::int64_t transactions = 0;
  std::string date;
  std::optional<std::string> match_rate;
};
struct AccountUsage {
  std::string account_name;
  std::string account_id;
  std::string period;
  std::string start;
  std::string end;
  std::vector<UsageRow> rows;
  std::int64_t allocated_credits = 0;
  std::int64_t consumed_credits = 0;
};
// XML holds integers to the 32 bits of the schema's xs:int and has no match rates, for which the schema has no element.
std::string render(Format format, const AccountUsage& usage);

struct AccessToken {
  std::string token;
  UtcTime expires_at;
};
std::string render(Format format, const AccessToken& token);

// failed 0, accepted 1, processing 2, finished 3, aborted 4.
int job_status_number(JobStatus status) noexcept;
std::string_view job_status_word(int number) noexcept;
// A number from -1 (not found, which no job is) to 4, or a word.
std::optional<int> parse_job_status(std::string_view text) noexcept;

struct BulkJob {
  std::string id;
  std::string type;
  JobStatus status = JobStatus::queued;
  UtcTime created_at;
};
struct JobList {
  std::vector<BulkJob> jobs;
  std::int64_t page = 1;
  std::int64_t results_per_page = 10;
  std::int64_t total_results = 0;
};
std::string render(Format format, const JobList& list);

// `number` is the part of the error number behind the status: 400 and 701 are "400-701".
struct Failure {
  int status = 500;
  int number = 101;
  std::string message;
};
std::string render(Format format, const Failure& failure, std::string_view diagnostic_code);

Response answer(Format format, int status, std::string body);

}  // namespace tally::http::insideview

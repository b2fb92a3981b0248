#include "http/dialects/insideview_wire.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "http/accept.h"
#include "http/json_writer.h"
#include "http/problem.h"
#include "http/xml_writer.h"

namespace tally::http::insideview {

namespace {

constexpr std::array<std::string_view, 2> media_types = {"application/xml", "application/json"};
constexpr std::array<std::string_view, 3> period_words = {"day", "month", "year"};
constexpr std::array<std::size_t, 3> date_sizes = {10, 7, 4};
constexpr std::array<std::string_view, 5> status_words = {"failed", "accepted", "processing", "finished", "aborted"};

std::int64_t xs_int(std::int64_t number) noexcept {
  return std::clamp<std::int64_t>(number, std::numeric_limits<std::int32_t>::min(),
                                  std::numeric_limits<std::int32_t>::max());
}

std::string two_digits(int number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

std::string usage_xml(const AccountUsage& usage) {
  XmlWriter out("accountUsage");
  out.element("accountId", usage.account_id).element("accountName", usage.account_name);
  out.element("bulkJobReferenceUrl", "");
  out.begin("creditsForAccount").element("allocatedCredits", xs_int(usage.allocated_credits));
  out.element("consumedCredits", xs_int(usage.consumed_credits)).end();
  out.element("end", usage.end).element("period", usage.period).element("start", usage.start);
  out.element("subscriptionJobsReferenceUrl", "");
  for (const UsageRow& row : usage.rows) {
    out.begin("usage").element("api", row.api).element("date", row.date);
    out.element("transactions", xs_int(row.transactions)).end();
  }
  return std::move(out).finish();
}

std::string usage_json(const AccountUsage& usage) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("accountName", usage.account_name).field("accountId", usage.account_id);
  out.field("period", usage.period).field("start", usage.start).field("end", usage.end);
  out.key("usageForAccount").begin_array();
  for (const UsageRow& row : usage.rows) {
    out.begin_object().field("api", row.api).field("transactions", row.transactions).field("date", row.date);
    if (row.match_rate) {
      out.key("details").begin_array().begin_object();
      out.field("type", "matchRate").field("value", *row.match_rate).end_object().end_array();
    }
    out.end_object();
  }
  out.end_array().key("creditsForAccount").begin_array().begin_object();
  out.field("allocatedCredits", usage.allocated_credits).field("consumedCredits", usage.consumed_credits);
  out.end_object().end_array().field("bulkJobReferenceUrl", "").end_object();
  return json;
}

}  // namespace

Format format_of(const Request& request) {
  if (request.path.ends_with(".json")) return Format::json;
  return preferred_type(request, media_types) == 1 ? Format::json : Format::xml;
}

std::optional<Period> parse_period(std::string_view word) noexcept {
  const auto found = std::find(period_words.begin(), period_words.end(), word);
  if (found == period_words.end()) return std::nullopt;
  return static_cast<Period>(found - period_words.begin());
}

std::string_view to_string(Period period) noexcept {
  return period_words[static_cast<std::size_t>(period)];
}

Granularity granularity_of(Period period) noexcept {
  switch (period) {
    case Period::day:
      return Granularity::day;
    case Period::month:
      return Granularity::month;
    case Period::year:
      return Granularity::year;
  }
  return Granularity::day;
}

std::optional<UtcTime> parse_date(Period period, std::string_view text) {
  if (text.size() != date_sizes[static_cast<std::size_t>(period)]) return std::nullopt;
  std::string whole(text);
  whole += std::string_view("-01-01").substr(text.size() == 7 ? 3 : 0, 10 - text.size());
  const auto time = UtcTime::parse(whole);
  if (!time) return std::nullopt;
  return *time;
}

std::string date_text(Period period, UtcTime start) {
  return start.to_string().substr(0, date_sizes[static_cast<std::size_t>(period)]);
}

std::string expiration_text(UtcTime time) {
  const std::string http = time.to_http_date();  // "Tue, 21 Jul 2015 21:08:17 GMT"
  const int hour = hour_of_day(time);
  std::string text = http.substr(0, 5) + http.substr(8, 3) + " " + http.substr(5, 2) + ", " + http.substr(12, 4) + " ";
  text += two_digits(hour % 12 == 0 ? 12 : hour % 12) + http.substr(19, 6);
  return text + (hour < 12 ? " AM GMT" : " PM GMT");
}

std::optional<std::string> average_text(const MatchRates& rates) {
  if (rates.count <= 0) return std::nullopt;
  __extension__ using Wide = __int128;
  const Wide divisor = Wide{rates.count} * 100'000;  // of micros to tenths
  const Wide half = rates.sum_micros < 0 ? -divisor / 2 : divisor / 2;
  const auto tenths = static_cast<std::int64_t>((Wide{rates.sum_micros} + half) / divisor);
  return (tenths < 0 ? "-" : "") + std::to_string(std::abs(tenths / 10)) + "." + std::to_string(std::abs(tenths % 10));
}

std::string render(Format format, const AccountUsage& usage) {
  return format == Format::xml ? usage_xml(usage) : usage_json(usage);
}

std::string render(Format format, const AccessToken& token) {
  const std::string expiration = expiration_text(token.expires_at);
  if (format == Format::xml) {
    XmlWriter out("accessTokenDetails");
    out.element("accessToken", token.token).element("tokenType", "bearer").element("expirationTime", expiration);
    return std::move(out).finish();
  }
  std::string json;
  JsonWriter out(json);
  out.begin_object().key("accessTokenDetails").begin_object().field("accessToken", token.token);
  out.field("tokenType", "bearer").field("expirationTime", expiration).end_object().end_object();
  return json;
}

int job_status_number(JobStatus status) noexcept {
  switch (status) {
    case JobStatus::failed:
      return 0;
    case JobStatus::queued:
      return 1;
    case JobStatus::processing:
      return 2;
    case JobStatus::completed:
      return 3;
    case JobStatus::cancelled:
      return 4;
  }
  return -1;
}

std::string_view job_status_word(int number) noexcept {
  return status_words[static_cast<std::size_t>(number)];
}

std::optional<int> parse_job_status(std::string_view text) noexcept {
  if (text == "-1") return -1;
  for (std::size_t i = 0; i < status_words.size(); ++i) {
    const bool is_number = text.size() == 1 && text[0] == static_cast<char>('0' + i);
    if (is_number || text == status_words[i]) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::string render(Format format, const JobList& list) {
  const auto word = [](const BulkJob& job) { return job_status_word(job_status_number(job.status)); };
  if (format == Format::xml) {
    XmlWriter out("jobs");
    for (const BulkJob& job : list.jobs) {
      out.begin("BulkJobStatus").element("jobId", job.id).element("jobType", job.type);
      out.element("jobStatus", word(job)).element("createdDate", date_text(Period::day, job.created_at));
      out.element("creditsConsumed", 0).end();
    }
    out.element("page", list.page).element("resultsPerPage", list.results_per_page);
    out.element("totalResults", list.total_results);
    return std::move(out).finish();
  }
  std::string json;
  JsonWriter out(json);
  out.begin_object().key("jobs").begin_array();
  for (const BulkJob& job : list.jobs) {
    out.begin_object().field("jobId", job.id).field("jobType", job.type).field("jobStatus", word(job));
    out.field("createdDate", date_text(Period::day, job.created_at)).field("creditsConsumed", std::int64_t{0});
    out.end_object();
  }
  out.end_array().field("page", list.page).field("resultsPerPage", list.results_per_page);
  out.field("totalResults", list.total_results).end_object();
  return json;
}

std::string render(Format format, const Failure& failure, std::string_view diagnostic_code) {
  const std::string_view type = reason_phrase(failure.status);
  const std::string number = std::to_string(failure.status) + "-" + std::to_string(failure.number);
  if (format == Format::xml) {
    XmlWriter out("error");
    out.element("errorType", type).element("status", failure.status).element("errorNumber", number);
    out.element("message", failure.message).element("diagnosticCode", diagnostic_code);
    return std::move(out).finish();
  }
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("errorType", type).field("status", std::int64_t{failure.status});
  out.field("errorNumber", number).field("message", failure.message).field("diagnosticCode", diagnostic_code);
  out.end_object();
  return json;
}

Response answer(Format format, int status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = media_types[format == Format::xml ? 0 : 1];
  response.headers.emplace_back("Vary", "Accept");
  response.body = std::move(body);
  return response;
}

}  // namespace tally::http::insideview

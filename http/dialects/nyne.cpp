#include "http/dialects/nyne.h"

#include <algorithm>
#include <charconv>
#include <future>

#include "core/codec.h"
#include "http/answers.h"
#include "http/json_writer.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr RateLimits nyne_limits{.per_second = {}, .per_minute = 60, .per_hour = 1000, .per_day = {}};
constexpr int year_min = 2020;
constexpr int year_max = 2030;
constexpr std::string_view search = "search";
constexpr std::string_view enrichment = "enrichment";

// What a completed job keeps: the month's report by category, and the account's allowance when it was computed.
struct MonthlyUsage {
  Report report;
  Credits allocation;
  Credits available;
  bool unlimited = false;
};

std::string encode_usage(const MonthlyUsage& usage) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(1);
  out.i64(usage.allocation.micros());
  out.i64(usage.available.micros());
  out.boolean(usage.unlimited);
  out.raw(encode(usage.report));
  return bytes;
}

Result<MonthlyUsage> decode_usage(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != 1) return fail(Errc::corrupt, "monthly usage of an unknown version");
  MonthlyUsage usage;
  usage.allocation = Credits::from_micros(in.i64());
  usage.available = Credits::from_micros(in.i64());
  usage.unlimited = in.boolean();
  auto report = decode_report(in.rest());
  if (!report) return report.error();
  usage.report = std::move(*report);
  return usage;
}

ReportRequest month_request(std::int32_t month) {
  ReportRequest request;
  request.range = {start_of_month(month), start_of_month(month + 1)};
  request.granularity = Granularity::month;
  request.group_by = {GroupBy::category};
  return request;
}

std::optional<int> number(std::string_view text, int low, int high) {
  int value = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || last != text.data() + text.size() || value < low || value > high)
    return std::nullopt;
  return value;
}

Counters of_category(const Report& report, std::string_view category) {
  Counters counters;
  for (const ReportRow& row : report.rows) {
    if (report.names_of(row).front() == category) counters += row.counters;
  }
  return counters;
}

// The categories beside the two that are always shown, in order; usage without one counts in the totals only.
std::vector<std::string_view> other_categories(const Report& report) {
  std::vector<std::string_view> names;
  for (const ReportRow& row : report.rows) {
    const std::string_view name = report.names_of(row).front();
    if (!name.empty() && name != search && name != enrichment && name != "total") names.push_back(name);
  }
  return names;
}

template <class Write>
void write_by_category(JsonWriter& out, const Report& report, Write write) {
  out.begin_object();
  write("total", report.totals);
  write(search, of_category(report, search));
  write(enrichment, of_category(report, enrichment));
  for (const std::string_view name : other_categories(report)) write(name, of_category(report, name));
  out.end_object();
}

void write_usage(JsonWriter& out, const MonthlyUsage& usage) {
  const Report& report = usage.report;
  const Date first = date_of_day(day_of(report.request.range.from));
  const auto credits = [&](std::string_view name, const Counters& counters) {
    out.key(name).credits_number(Credits::from_micros(counters.credits_micros));
  };
  const auto requests = [&](std::string_view name, const Counters& counters) { out.field(name, counters.requests); };
  out.field("month", std::int64_t{first.month}).field("year", std::int64_t{first.year});
  out.field("period", report.request.range.from.to_string().substr(0, 7));
  out.key("credits_used");
  write_by_category(out, report, credits);
  out.key("requests_count");
  write_by_category(out, report, requests);
  out.key("limits").begin_object().key("monthly_allocation").credits_number(usage.allocation);
  out.key("available_credits").credits_number(usage.available).field("is_unlimited", usage.unlimited).end_object();
  out.key("breakdown").begin_object();
  out.field("search_results_returned", of_category(report, search).results);
  out.field("enrichments_performed", of_category(report, enrichment).results);
  credits("total_credits_consumed", report.totals);
  out.end_object();
}

Response nyne_refusal(const Refusal& refusal) {
  switch (refusal.why) {
    case Refused::missing_key:
      return Nyne::error(401, "missing_api_key", "send your API key in X-API-Key");
    case Refused::unknown_key:
    case Refused::expired:
      return Nyne::error(401, "invalid_api_key", "the API key is not valid");
    case Refused::missing_secret:
      return Nyne::error(401, "missing_api_secret", "send your API secret in X-API-Secret");
    case Refused::wrong_secret:
      return Nyne::error(401, "invalid_api_secret", "the API secret is not valid");
    case Refused::disabled:
      return Nyne::error(403, "api_key_disabled", "this API key is disabled");
    case Refused::wrong_address:
      return Nyne::error(403, "ip_not_allowed", "this API key does not work from this address");
    case Refused::wrong_scope:
      return Nyne::error(403, "permission_denied", "this API key may not read reports");
    case Refused::rate_limited: {
      Response response = Nyne::error(429, "rate_limit_exceeded", "too many requests with this key");
      add_rate_headers(response, refusal.rate);
      return response;
    }
  }
  return Nyne::error(500, "internal_error", "");
}

Response nyne_failure(const Error& error) {
  switch (error.code) {
    case Errc::not_found:
    case Errc::gone:
      return Nyne::error(404, "request_not_found", "there is no such request");
    case Errc::rate_limited: {
      Response response = Nyne::error(429, "rate_limit_exceeded", error.detail);
      response.headers.emplace_back("Retry-After", "60");
      return response;
    }
    case Errc::exhausted:
    case Errc::unavailable: {
      Response response = Nyne::error(503, "service_unavailable", "try again shortly");
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    case Errc::invalid_argument:
    case Errc::conflict:
    case Errc::insufficient_credits:
    case Errc::too_large:
    case Errc::corrupt:
      return Nyne::error(500, "internal_error", "the server failed to answer");
  }
  return Nyne::error(500, "internal_error", "");
}

// The month that the parameters name; `error` gets the refusal.
std::optional<std::int32_t> month_asked_for(const Request& request, UtcTime now, Response& error) {
  const Date today = date_of_day(day_of(now));
  int month = today.month;
  int year = today.year;
  if (const auto text = request.param("month")) {
    const auto given = number(*text, 1, 12);
    if (!given) return error = Nyne::error(400, "invalid_month", "month must be a number from 1 to 12"), std::nullopt;
    month = *given;
  }
  if (const auto text = request.param("year")) {
    const auto given = number(*text, year_min, year_max);
    if (!given)
      return error = Nyne::error(400, "invalid_year", "year must be a number from 2020 to 2030"), std::nullopt;
    year = *given;
  }
  const std::int32_t index = (year - 1970) * 12 + month - 1;
  if (index > month_of(now))
    return error = Nyne::error(400, "invalid_date", "this month lies in the future"), std::nullopt;
  return index;
}

}  // namespace

Nyne::Nyne(Credentials& credentials, queue::Jobs& jobs, const storage::Meter& meter,
           const storage::Directory& directory, storage::Ledgers& ledgers, Waiter& waiter, Clock& clock,
           CallbackPolicy callback_policy, bool envelope)
    : credentials_(credentials),
      jobs_(jobs),
      meter_(meter),
      directory_(directory),
      ledgers_(ledgers),
      waiter_(waiter),
      clock_(clock),
      callback_policy_(std::move(callback_policy)),
      envelope_(envelope) {}

void Nyne::add_to(Router& router) {
  router.add("GET", "/usage", [this](Request&& request, Reply reply) { usage(std::move(request), std::move(reply)); });
}

ReportKind Nyne::kind() const {
  return {[this](const Job& job, queue::JobContext&) { return compute(job); },
          [this](const Job& job, std::string_view result) { return render(job, result); }};
}

Response Nyne::error(int status, std::string_view code, std::string_view message) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("success", false).field("error", code).field("message", message).end_object();
  return json_response(status, std::move(json));
}

void Nyne::usage(Request&& request, Reply reply) {
  const Presented presented{request.header("x-api-key"), request.header("x-api-secret")};
  const auto checked = credentials_.check(
      request, presented, {.scope = Scope::reports, .secret_required = true, .default_limits = nyne_limits});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(nyne_refusal(*refused));
  const Caller& caller = std::get<Caller>(checked);
  if (request.param("request_id")) return poll(request, caller, std::move(reply));
  submit(request, caller, std::move(reply));
}

void Nyne::submit(const Request& request, const Caller& caller, Reply reply) {
  const auto answer = [reply, rate = caller.rate](Response response) {
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  Response refused;
  const auto month = month_asked_for(request, clock_.now(), refused);
  if (!month) return answer(std::move(refused));
  Job job;
  job.account = caller.account->id;
  job.dialect = Dialect::nyne;
  job.request = encode(month_request(*month));
  job.http_request_id = request.id;
  if (const auto url = request.param("callback_url")) {
    if (auto allowed = callback_policy_(*url); !allowed)
      return answer(error(400, "invalid_callback_url", allowed.error().detail));
    job.callback_url = *url;
  }
  jobs_.submit(std::move(job), [this, answer, wait = preferred_wait_seconds(request)](const Result<Job>& stored) {
    if (!stored) return answer(nyne_failure(stored.error()));
    if (!wait || *wait == 0) return answer(job_response(*stored));
    waiter_.until_finished(stored->account, stored->id, *wait, [this, job = *stored, wait, answer] {
      const auto now = jobs_.find(job.account, job.id);
      Response response = now ? job_response(*now) : nyne_failure(now.error());
      response.headers.emplace_back("Preference-Applied", "wait=" + std::to_string(*wait));
      answer(std::move(response));
    });
  });
}

void Nyne::poll(const Request& request, const Caller& caller, Reply reply) {
  const auto answer = [this, reply, rate = caller.rate](const Result<Job>& job) {
    Response response = job ? job_response(*job) : nyne_failure(job.error());
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  const std::string_view id = *request.param("request_id");
  if (const auto body = finished_.find(Dialect::nyne, caller.account->id, id)) {
    Response response = json_response(200, *body);
    add_rate_headers(response, caller.rate);
    return reply(std::move(response));
  }
  auto job = jobs_.find(caller.account->id, RequestId(std::string(id)));
  if (job && job->dialect != Dialect::nyne) return answer(fail(Errc::not_found, "no such request"));
  const auto wait = preferred_wait_seconds(request);
  if (!job || job->finished() || !wait || *wait == 0) return answer(job);
  waiter_.until_finished(job->account, job->id, *wait,
                         [this, account = job->account, id = job->id, answer] { answer(jobs_.find(account, id)); });
}

Result<std::string> Nyne::compute(const Job& job) const {
  const auto request = decode_report_request(job.request);
  if (!request) return request.error();
  auto report = meter_.report(job.account, *request);
  if (!report) return report.error();
  const auto account = directory_.account(job.account);
  if (!account) return fail(Errc::not_found, "no such account");
  const auto left = available(job.account);
  if (!left) return left.error();
  return encode_usage({std::move(*report), account->subscription.monthly_allocation.value_or(Credits()), *left,
                       account->subscription.unlimited});
}

// What the ledger has now, whichever month is asked for. Runs on a worker's thread, so it may wait for a commit.
Result<Credits> Nyne::available(const AccountId& account) const {
  std::promise<Result<Credits>> told;
  ledgers_.read(account, [&](const Result<LedgerState>& state) {
    told.set_value(state ? Result<Credits>(state->available()) : Result<Credits>(state.error()));
  });
  return told.get_future().get();
}

std::string Nyne::render(const Job& job, std::string_view result) const {
  std::string json;
  JsonWriter out(json);
  const auto usage = job.status == JobStatus::completed ? decode_usage(result) : Result<MonthlyUsage>(MonthlyUsage{});
  const bool wrap = envelope_ && job.status == JobStatus::completed;
  if (wrap) out.begin_object().field("success", true).key("data");
  out.begin_object().field("request_id", job.id.str());
  out.field("status", usage ? to_string(job.status) : to_string(JobStatus::failed));
  if (!usage || job.status == JobStatus::failed) out.field("error", usage ? job.error_message : usage.error().detail);
  if (usage && job.status == JobStatus::completed) write_usage(out, *usage);
  out.end_object();
  if (wrap) out.field("timestamp", job.finished_at).end_object();
  return json;
}

Response Nyne::job_response(const Job& job) {
  std::string bytes;
  if (job.status == JobStatus::completed) {
    auto stored = jobs_.result(job.account, job.id);
    if (!stored) return nyne_failure(stored.error());
    bytes = std::move(*stored);
  }
  std::string body = render(job, bytes);
  if (job.finished()) finished_.keep(job, body);
  return json_response(job.finished() ? 200 : 202, std::move(body));
}

}  // namespace tally::http

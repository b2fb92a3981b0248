#include "http/dialects/insideview.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/codec.h"
#include "core/report_task.h"
#include "http/base64url.h"
#include "http/header_check.h"
#include "http/problem.h"
#include "http/router.h"
#include "http/target.h"

namespace tally::http {

using insideview::Failure;
using insideview::Format;
using insideview::Period;

namespace {

constexpr std::string_view token_purpose = "insideview access token";
constexpr std::string_view form_type = "application/x-www-form-urlencoded";
constexpr std::int64_t page_max = 1'000'000'000;
constexpr std::int64_t results_per_page_max = 50;
constexpr std::size_t jobs_at_once = 500;
constexpr std::size_t jobs_looked_at_max = 100'000;  // newer ones hide older ones beyond that
constexpr std::size_t insideview_rows_max = 100'000;

constexpr int number_period = 701;
constexpr int number_start = 702;
constexpr int number_end = 705;
constexpr int number_order = 706;
constexpr int number_job_statuses = 707;
constexpr int number_page = 708;
constexpr int number_results_per_page = 709;

Failure bad(int number, std::string message) {
  return {400, number, std::move(message)};
}

Failure insideview_refusal(Refused why) {
  switch (why) {
    case Refused::missing_key:
    case Refused::unknown_key:
    case Refused::missing_secret:
    case Refused::wrong_secret:
    case Refused::disabled:
    case Refused::expired:
      return {401, 101, "Unauthorized Error - Cannot use API's without setting a valid accessToken in header."};
    case Refused::wrong_address:
      return {403, 101, "This client may not call from this address."};
    case Refused::wrong_scope:
      return {403, 102, "This client may not use this API."};
    case Refused::rate_limited:
      return {429, 101, "Request is throttled."};
  }
  return {};
}

Failure insideview_failure(const Error& error) {
  if (error.rule == "range_too_long") return bad(number_end, "end: " + error.detail + ".");
  if (error.code == Errc::exhausted || error.code == Errc::unavailable) return {503, 101, "Try again shortly."};
  return {500, 101, "The server failed to answer."};
}

using Fields = std::vector<Field>;

std::optional<std::string_view> find(const Fields& params, std::string_view name) {
  const auto found =
      std::find_if(params.begin(), params.end(), [&](const Field& field) { return field.first == name; });
  if (found == params.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

// What the query and a form say, the query first.
std::variant<Fields, Failure> params_of(const Request& request) {
  Fields params = request.query;
  if (request.body.empty()) return params;
  std::string_view type = request.header("content-type").value_or("");
  type = type.substr(0, type.find(';'));
  if (!equals_ignoring_case(type.substr(0, type.find(' ')), form_type))
    return Failure{415, 101, "The body must be " + std::string(form_type) + "."};
  auto form = split_form(request.body);
  if (!form) return bad(101, "The form cannot be read.");
  params.insert(params.end(), std::make_move_iterator(form->begin()), std::make_move_iterator(form->end()));
  return params;
}

// Whole periods from `start` to `end`, both inclusive.
struct Dates {
  Period period = Period::day;
  TimeRange range;
};
std::variant<Dates, Failure> read_dates(const Fields& params) {
  const auto period_word = find(params, "period");
  const auto period = period_word ? insideview::parse_period(*period_word) : std::nullopt;
  if (!period) return bad(number_period, "period must be day, month or year.");
  constexpr std::array<std::string_view, 3> shapes = {"YYYY-MM-DD", "YYYY-MM", "YYYY"};
  const std::string shape = " must be a date such as " + std::string(shapes[static_cast<std::size_t>(*period)]) + ".";
  const auto start_text = find(params, "start");
  const auto start = start_text ? insideview::parse_date(*period, *start_text) : std::nullopt;
  if (!start) return bad(number_start, "start" + shape);
  const auto end_text = find(params, "end");
  const auto end = end_text ? insideview::parse_date(*period, *end_text) : std::nullopt;
  if (!end) return bad(number_end, "end" + shape);
  if (*start > *end) return bad(number_order, "start must not lie after end.");
  return Dates{*period, {*start, next_after(insideview::granularity_of(*period), *end)}};
}

std::int64_t whole_credits_up(std::int64_t micros) noexcept {
  return micros / Credits::micros_per_credit + (micros % Credits::micros_per_credit > 0 ? 1 : 0);
}

// A number within bounds, `fallback` without one, nothing for anything else.
std::optional<std::int64_t> number(const Fields& params, std::string_view name, std::int64_t fallback,
                                   std::int64_t high) {
  const auto text = find(params, name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [last, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || last != text->data() + text->size() || value < 1 || value > high) return std::nullopt;
  return value;
}

// The words of every parameter of that name, each perhaps a list with commas.
std::vector<std::string_view> words(const Fields& params, std::string_view name) {
  std::vector<std::string_view> found;
  for (const auto& [each, value] : params) {
    if (each != name) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
      if (!word.empty()) found.push_back(word);
    }
  }
  return found;
}

std::string job_type(const Job& job) {
  const auto task = decode_report_task(job.request);
  return std::string(task ? to_string(task->request.type) : "unknown");
}

}  // namespace

struct InsideView::Call {
  Request request;
  Fields params;
  Reply reply;
  Format format = Format::xml;
  Caller caller;
  RateState rate;

  void answer(std::string body) const { send(insideview::answer(format, 200, std::move(body))); }
  void refuse(const Failure& failure) const { send(InsideView::error(request, failure)); }
  void send(Response response) const {
    add_rate_headers(response, rate);
    reply(std::move(response));
  }
};

InsideView::InsideView(Credentials& credentials, const storage::Meter& meter, storage::Ledgers& ledgers,
                       const queue::Jobs& jobs, Clock& clock, Executor execute, InsideViewRules rules)
    : credentials_(credentials),
      meter_(meter),
      ledgers_(ledgers),
      jobs_(jobs),
      clock_(clock),
      execute_(std::move(execute)),
      rules_(rules) {}

void InsideView::add_to(Router& router) {
  for (const char* path : {"/Auth/login/v1/token", "/Auth/login/v1/token.json"}) {
    router.add("POST", path, [this](Request&& request, const Reply& reply) { login(std::move(request), reply); });
  }
  const auto add = [&](std::string_view path, Serve serve) {
    for (const char* method : {"GET", "POST"}) {
      router.add(method, path,
                 [this, serve](Request&& request, const Reply& reply) { admit(std::move(request), reply, serve); });
    }
  };
  add("/api/v1/admin/usage", &InsideView::usage);
  add("/api/v1/admin/jobs", &InsideView::jobs);
}

Response InsideView::error(const Request& request, const Failure& failure) {
  const Format format = insideview::format_of(request);
  Response response = insideview::answer(format, failure.status, insideview::render(format, failure, request.id));
  if (failure.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::string InsideView::make_token(const KeyId& key, UtcTime expires_at) const {
  std::string text;
  Encoder out(text);
  out.text(token_purpose);
  out.i64(expires_at.ms());
  out.text(key.str());
  return base64url(credentials_.seal(text));
}

Result<KeyId> InsideView::key_of_token(std::string_view token, UtcTime now) const {
  const auto sealed = decode_base64url(token);
  const auto text = sealed ? credentials_.unseal(*sealed) : fail(Errc::invalid_argument, "no access token");
  if (!text) return fail(Errc::invalid_argument, "no access token");
  Decoder in(*text);
  const bool ours = in.text() == token_purpose;
  const UtcTime expires_at = UtcTime::from_ms(in.i64());
  const KeyId key{std::string(in.text())};
  if (!ours || !in.done() || expires_at <= now) return fail(Errc::invalid_argument, "the access token is over");
  return key;
}

void InsideView::login(Request&& request, const Reply& reply) {
  const auto params = params_of(request);
  if (const auto* refused = std::get_if<Failure>(&params)) return reply(error(request, *refused));
  const auto& given = std::get<Fields>(params);
  if (find(given, "grantType") != "cred") return reply(error(request, bad(101, "grantType must be cred.")));
  const auto key = credentials_.recognise({find(given, "clientId"), find(given, "clientSecret")}, true);
  const auto refuse = [&](const Refusal& refused) {
    Failure failure = insideview_refusal(refused.why);
    if (failure.status == 401) failure.message = "clientId and clientSecret name no client that may log in.";
    Response response = error(request, failure);
    add_rate_headers(response, refused.rate);
    reply(std::move(response));
  };
  if (const auto* why = std::get_if<Refused>(&key)) return refuse({*why, {}});
  const ApiKey& client = *std::get<storage::Directory::KeyPtr>(key);
  // Any scope will do to log in; what the token is shown for demands its own.
  const Scope scope = client.scopes.empty() ? Scope::account : client.scopes.front();
  const auto checked = credentials_.check_key(request, client.id, {.scope = scope});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return refuse(*refused);
  const UtcTime expires_at = clock_.now() + rules_.token_ttl_ms;
  const Format format = insideview::format_of(request);
  Response response = insideview::answer(
      format, 200, insideview::render(format, insideview::AccessToken{make_token(client.id, expires_at), expires_at}));
  response.headers.emplace_back("Cache-Control", "no-store");
  add_rate_headers(response, std::get<Caller>(checked).rate);
  reply(std::move(response));
}

RateState InsideView::throttle(const AccountId& account) {
  Throttles& throttles = throttles_[(std::hash<AccountId>{}(account) >> 8) % throttles_.size()];
  const UtcTime now = clock_.now();
  const std::lock_guard lock(throttles.mutex);
  auto& by_account = throttles.by_account;
  if (by_account.size() >= throttles.sweep_at) {
    std::erase_if(by_account, [&](const auto& entry) { return entry.second.is_over(rules_.throttle, now); });
    throttles.sweep_at = std::max<std::size_t>(1024, 2 * by_account.size());
  }
  return by_account[account].take(rules_.throttle, now);
}

void InsideView::admit(Request&& request, const Reply& reply, Serve serve) {
  const auto token = request.header("accesstoken");
  const auto key = token ? key_of_token(*token, clock_.now()) : fail(Errc::invalid_argument, "no access token");
  if (!key) return reply(error(request, insideview_refusal(Refused::missing_key)));
  const Scope scope = serve == &InsideView::jobs ? Scope::reports : Scope::account;
  auto checked = credentials_.check_key(request, *key, {.scope = scope});
  if (const auto* refused = std::get_if<Refusal>(&checked)) {
    Response response = error(request, insideview_refusal(refused->why));
    add_rate_headers(response, refused->rate);
    return reply(std::move(response));
  }
  auto call = std::make_shared<Call>();
  call->caller = std::get<Caller>(std::move(checked));
  call->reply = reply;
  call->format = insideview::format_of(request);
  call->rate = throttle(call->caller.account->id);
  auto params = params_of(request);
  call->request = std::move(request);
  if (!call->rate.allowed) return call->refuse(insideview_refusal(Refused::rate_limited));
  // Told is whichever limit is nearer.
  const RateState& own = call->caller.rate;
  if (own.limit > 0 && own.remaining < call->rate.remaining) call->rate = own;
  if (const auto* refused = std::get_if<Failure>(&params)) return call->refuse(*refused);
  call->params = std::get<Fields>(std::move(params));
  (this->*serve)(call);
}

void InsideView::usage(const std::shared_ptr<Call>& call) {
  const auto dates = read_dates(call->params);
  if (const auto* refused = std::get_if<Failure>(&dates)) return call->refuse(*refused);
  execute_([this, call, dates = std::get<Dates>(dates)] {
    auto read = read_usage(*call, dates.period, dates.range);
    if (!read) return call->refuse(insideview_failure(read.error()));
    if (const auto allocation = call->caller.account->subscription.monthly_allocation) {
      read->allocated_credits = allocation->micros() / Credits::micros_per_credit;
      return call->answer(insideview::render(call->format, *read));
    }
    const AccountId& account = call->caller.account->id;
    ledgers_.read(account, [call, usage = std::move(*read)](const Result<LedgerState>& state) mutable {
      if (!state) return call->refuse(insideview_failure(state.error()));
      std::int64_t whole = 0;
      if (__builtin_add_overflow(state->available().micros() / Credits::micros_per_credit, usage.consumed_credits,
                                 &whole))
        whole = usage.consumed_credits;
      usage.allocated_credits = whole;
      call->answer(insideview::render(call->format, usage));
    });
  });
}

Result<insideview::AccountUsage> InsideView::read_usage(const Call& call, Period period, TimeRange range) const {
  const Account& account = *call.caller.account;
  insideview::AccountUsage usage;
  usage.account_name = account.name;
  usage.account_id = account.id.str();
  usage.period = to_string(period);
  usage.start = find(call.params, "start").value_or("");
  usage.end = find(call.params, "end").value_or("");

  const UtcTime now = clock_.now();
  ReportRequest month;
  month.granularity = Granularity::month;
  month.range = {floor_to(Granularity::month, now), next_after(Granularity::month, now)};
  const auto running = meter_.report(account.id, month);
  if (!running) return running.error();
  usage.consumed_credits = whole_credits_up(running->totals.credits_micros);

  ReportRequest request;
  request.granularity = insideview::granularity_of(period);
  request.range = {range.from, std::min(range.to, next_after(request.granularity, now))};
  request.group_by = {GroupBy::endpoint};
  if (request.range.from >= request.range.to) return usage;
  if (auto good = validate(request, now); !good) return good.error();
  const auto report = meter_.report(account.id, request);
  if (!report) return report.error();
  if (report->rows.size() > insideview_rows_max)
    return fail(Errc::invalid_argument, "the range has more than 100,000 rows", "range_too_long");
  for (const ReportRow& row : report->rows) {
    usage.rows.push_back({report->names_of(row).front(), row.counters.requests,
                          insideview::date_text(period, row.period), insideview::average_text(row.match_rates)});
  }
  return usage;
}

void InsideView::jobs(const std::shared_ptr<Call>& call) {
  const Fields& params = call->params;
  std::optional<TimeRange> range;
  if (find(params, "period") || find(params, "start") || find(params, "end")) {
    const auto dates = read_dates(params);
    if (const auto* refused = std::get_if<Failure>(&dates)) return call->refuse(*refused);
    range = std::get<Dates>(dates).range;
  }
  std::set<int> statuses;
  for (const std::string_view word : words(params, "jobStatuses")) {
    const auto status = insideview::parse_job_status(word);
    if (!status) return call->refuse(bad(number_job_statuses, "jobStatuses must be -1 to 4, or their names."));
    statuses.insert(*status);
  }
  std::set<std::string, std::less<>> types;
  for (const std::string_view word : words(params, "jobTypes")) types.emplace(word);
  const auto page = number(params, "page", 1, page_max);
  if (!page) return call->refuse(bad(number_page, "page must be a number from 1."));
  const auto results = number(params, "resultsPerPage", 10, results_per_page_max);
  if (!results) return call->refuse(bad(number_results_per_page, "resultsPerPage must be a number from 1 to 50."));

  const auto wanted = [statuses = std::move(statuses), types = std::move(types)](const Job& job) {
    return (statuses.empty() || statuses.contains(insideview::job_status_number(job.status))) &&
           (types.empty() || types.contains(job_type(job)));
  };
  execute_([this, call, wanted, range, list = insideview::JobList{{}, *page, *results, 0}] {
    const auto read = read_jobs(*call, wanted, range, list);
    if (!read) return call->refuse(insideview_failure(read.error()));
    call->answer(insideview::render(call->format, *read));
  });
}

Result<insideview::JobList> InsideView::read_jobs(const Call& call, const std::function<bool(const Job&)>& wanted,
                                                  std::optional<TimeRange> range, insideview::JobList list) const {
  const std::int64_t first = (list.page - 1) * list.results_per_page;
  std::string cursor;
  for (std::size_t seen = 0; seen < jobs_looked_at_max; seen += jobs_at_once) {
    auto page = jobs_.list(call.caller.account->id, jobs_at_once, cursor);
    if (!page) return page.error();
    for (const Job& job : page->jobs) {
      if (range && job.created_at < range->from) return list;  // the newest come first
      if ((range && job.created_at >= range->to) || !wanted(job)) continue;
      const std::int64_t place = list.total_results++;
      if (place >= first && place < first + list.results_per_page)
        list.jobs.push_back({job.id.str(), job_type(job), job.status, job.created_at});
    }
    if (page->next.empty()) break;
    cursor = std::move(page->next);
  }
  return list;
}

}  // namespace tally::http

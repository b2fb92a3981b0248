#include "http/dialects/rich_account.h"

#include <algorithm>

#include "http/answers.h"
#include "http/ledger_views.h"
#include "http/router.h"

namespace tally::http {
namespace {

constexpr std::int64_t ledger_limit = 50;
constexpr std::int64_t ledger_limit_max = 100;
constexpr std::int64_t ledger_offset_max = 1'000'000'000'000;
constexpr std::int64_t usage_span_ms_max = (report_years_max * 366LL + 1) * day_ms;
constexpr std::int64_t usage_ahead_ms_max = 366 * day_ms;  // how far in the future a range may end
constexpr std::int64_t quick_span_ms = 62 * day_ms;        // of days; longer ranges are read off the I/O thread
constexpr std::size_t usage_rows_max = 100'000;

Response refused(const Refusal& refusal) {
  switch (refusal.why) {
    case Refused::missing_key:
      return rich_error(401, "missing_token", "send an access token as Authorization: Bearer");
    case Refused::unknown_key:
    case Refused::missing_secret:
    case Refused::wrong_secret:
      return rich_error(401, "invalid_token", "the token is not valid");
    case Refused::expired:
      return rich_error(401, "token_expired", "the token has expired");
    case Refused::disabled:
      return rich_error(403, "api_key_disabled", "this API key is disabled");
    case Refused::wrong_address:
      return rich_error(403, "ip_not_allowed", "this API key does not work from this address");
    case Refused::wrong_scope:
      return rich_error(403, "insufficient_scope", "the scopes of this API key do not include the account");
    case Refused::rate_limited: {
      Response response = rich_error(429, "rate_limit_exceeded", "too many requests with this key");
      add_rate_headers(response, refusal.rate);
      return response;
    }
  }
  return rich_error(500, "internal_error", "");
}

Result<std::optional<UtcTime>> time_in(const Request& request, std::string_view name) {
  const auto text = request.param(name);
  if (!text) return std::optional<UtcTime>();
  const auto time = UtcTime::parse(*text);
  if (time) return std::optional(*time);
  return fail(Errc::invalid_argument, std::string(name) + " must be an ISO 8601 date or time",
              "invalid_" + std::string(name));
}

UtcTime end_of_hour(UtcTime t) {
  return floor_to(Granularity::hour, t) == t ? t : next_after(Granularity::hour, t);
}

Error backwards() {
  return fail(Errc::invalid_argument, "from must not lie after to", "invalid_range");
}

Error too_long() {
  return fail(Errc::invalid_argument, "the range has too many periods", "range_too_long");
}

// The stats of each period that has usage, in order, with the period's start.
std::vector<std::pair<UtcTime, RichStats>> stats_by_period(const Report& report) {
  std::vector<std::pair<UtcTime, RichStats>> periods;
  for (const ReportRow& row : report.rows) {
    if (periods.empty() || periods.back().first != row.period) periods.emplace_back(row.period, RichStats{});
    RichStats& stats = periods.back().second;
    stats.totals += row.counters;
    stats.requests_by_endpoint.emplace_back(report.names_of(row).front(), row.counters.requests);
  }
  return periods;
}

RichStats stats_of_all(const Report& report, const TimeRange& range) {
  std::vector<std::int64_t> requests(report.names.size());
  for (const ReportRow& row : report.rows) requests[row.names] += row.counters.requests;
  RichStats stats{range, report.totals, {}};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i] != 0) stats.requests_by_endpoint.emplace_back(report.names[i].front(), requests[i]);
  }
  return stats;
}

}  // namespace

// What GET /auth/account/usage is asked for.
struct RichAccount::UsageRange {
  Granularity period = Granularity::month;
  TimeRange shown;    // as it was asked for, but for what the counters cannot tell apart
  TimeRange counted;  // in whole hours

  static Result<UsageRange> read(const Request& request, UtcTime now) {
    const auto word = request.param("period");
    const auto period = parse_rich_period(word.value_or("monthly"));
    if (!period) return fail(Errc::invalid_argument, "period must be daily, monthly or yearly", "invalid_period");
    const auto from = time_in(request, "from");
    if (!from) return from.error();
    const auto to = time_in(request, "to");
    if (!to) return to.error();
    return of(*period, {from->value_or(floor_to(Granularity::month, now)), to->value_or(now)}, now);
  }

  static Result<UsageRange> of(Granularity period, const TimeRange& asked, UtcTime now) {
    if (asked.from > asked.to) return backwards();
    if (asked.to > now + usage_ahead_ms_max)
      return fail(Errc::invalid_argument, "to lies too far in the future", "invalid_to");
    if (asked.to.ms() - asked.from.ms() > usage_span_ms_max) return too_long();
    UsageRange range{period, asked, {floor_to(Granularity::hour, asked.from), end_of_hour(asked.to)}};
    range.shown.from = range.counted.from;
    if (range.counted.to <= now) range.shown.to = range.counted.to;
    return range;
  }

  ReportRequest request() const {
    ReportRequest wanted;
    wanted.range = counted;
    wanted.granularity = period;
    wanted.group_by = {GroupBy::endpoint};
    return wanted;
  }
};

struct RichAccount::EntryFilter {
  std::optional<std::vector<EntryType>> types;
  std::optional<UtcTime> from;
  std::optional<UtcTime> to;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;

  static Result<EntryFilter> read(const Request& request) {
    EntryFilter filter;
    if (const auto word = request.param("type")) {
      filter.types = rich_entry_types(*word);
      if (!filter.types)
        return fail(Errc::invalid_argument, "type must be credit, debit or adjustment", "invalid_type");
    }
    const auto from = time_in(request, "from");
    if (!from) return from.error();
    const auto to = time_in(request, "to");
    if (!to) return to.error();
    if (*from && *to && **from > **to) return backwards();
    const auto limit = number_param(request, "limit", ledger_limit, 1, ledger_limit_max);
    if (!limit) return limit.error();
    const auto offset = number_param(request, "offset", 0, 0, ledger_offset_max);
    if (!offset) return offset.error();
    filter.from = *from;
    filter.to = *to;
    filter.limit = static_cast<std::uint64_t>(*limit);
    filter.offset = static_cast<std::uint64_t>(*offset);
    return filter;
  }
};

void RichAccount::add_to(Router& router) {
  const auto add = [&](std::string_view path,
                       void (RichAccount::*show)(const AccountPtr&, const Request&, const Answer&)) {
    router.add("GET", path, [this, show](Request&& request, const Reply& reply) {
      auto checked = authenticate(request);
      if (auto* no = std::get_if<Response>(&checked)) return reply(std::move(*no));
      const Caller& caller = std::get<Caller>(checked);
      (this->*show)(caller.account, request, [reply, rate = caller.rate](Response response) {
        add_rate_headers(response, rate);
        reply(std::move(response));
      });
    });
  };
  add("/auth/account/usage", &RichAccount::usage);
  add("/auth/account/credits", &RichAccount::credits);
  add("/auth/account/ledger", &RichAccount::ledger);
  add("/auth/account/summary", &RichAccount::summary);
}

std::variant<Caller, Response> RichAccount::authenticate(const Request& request) {
  const auto bearer = bearer_in(request);
  const Demand demand{.scope = Scope::account};
  auto checked = [&]() -> std::variant<Caller, Refusal, Error> {
    // No key of ours has a dot, and every JSON web token has two.
    if (!bearer || bearer->find('.') == std::string_view::npos) {
      auto by_key = parts_.credentials.check(request, Presented{bearer, std::nullopt}, demand);
      if (auto* refusal = std::get_if<Refusal>(&by_key)) return *refusal;
      return std::get<Caller>(std::move(by_key));
    }
    const auto login = parts_.login_tokens.read(*bearer, parts_.clock.now());
    if (!login) return login.error();
    auto by_login = parts_.credentials.check_login(login->account, demand);
    if (auto* refusal = std::get_if<Refusal>(&by_login)) return *refusal;
    return std::get<Caller>(std::move(by_login));
  }();
  if (auto* caller = std::get_if<Caller>(&checked)) return std::move(*caller);
  if (const auto* refusal = std::get_if<Refusal>(&checked)) return refused(*refusal);
  const Error& error = std::get<Error>(checked);
  if (error.rule.empty()) return rich_failure(error);
  const bool expired = error.rule == "token_expired";
  return rich_error(401, error.rule, expired ? "the token has expired" : "the token is not valid");
}

void RichAccount::usage(const AccountPtr& account, const Request& request, const Answer& answer) {
  auto range = UsageRange::read(request, parts_.clock.now());
  if (!range) return answer(rich_failure(range.error()));
  const auto read = [this, account, range = *range, answer] { answer(usage_response(*account, range)); };
  const bool quick =
      range->period != Granularity::day || range->counted.to.ms() - range->counted.from.ms() <= quick_span_ms;
  if (quick) return read();
  parts_.elsewhere(read);
}

Response RichAccount::usage_response(const Account& account, const UsageRange& range) const {
  const auto report = parts_.meter.report(account.id, range.request());
  if (!report) return rich_failure(report.error());
  if (report->rows.size() > usage_rows_max) return rich_failure(too_long());
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  write_stats(out, account, range.period, stats_of_all(*report, range.shown));
  out.key("series").begin_array();
  const auto used = stats_by_period(*report);
  auto next_used = used.begin();
  for (UtcTime start = floor_to(range.period, range.shown.from); start < range.shown.to;) {
    const UtcTime end = next_after(range.period, start);
    RichStats stats;
    if (next_used != used.end() && next_used->first == start) stats = (next_used++)->second;
    stats.range = {std::max(start, range.shown.from), std::min(end, range.shown.to)};
    out.begin_object();
    write_stats(out, account, range.period, stats);
    out.end_object();
    start = end;
  }
  out.end_array().end_object();
  return json_response(200, std::move(json));
}

void RichAccount::credits(const AccountPtr& account, const Request&, const Answer& answer) {
  parts_.ledgers.read(account->id, [account, answer](const Result<LedgerState>& state) {
    if (!state) return answer(rich_failure(state.error()));
    std::string json;
    JsonWriter out(json);
    write_credit_balance(out, *account, *state);
    answer(json_response(200, std::move(json)));
  });
}

void RichAccount::ledger(const AccountPtr& account, const Request& request, const Answer& answer) {
  auto filter = EntryFilter::read(request);
  if (!filter) return answer(rich_failure(filter.error()));
  parts_.ledgers.read(account->id,
                      [this, account, filter = std::move(*filter), answer](const Result<LedgerState>& state) {
                        if (!state) return answer(rich_failure(state.error()));
                        parts_.elsewhere([this, account, filter, answer, last = state->last_entry] {
                          answer(entries_page(*account, filter, last));
                        });
                      });
}

Response RichAccount::entries_page(const Account& account, const EntryFilter& filter, std::uint64_t last) {
  static const std::vector<EntryType> every_type = {EntryType::grant, EntryType::debit, EntryType::adjustment,
                                                    EntryType::expiry, EntryType::reversal};
  const std::vector<EntryType>& types = filter.types ? *filter.types : every_type;
  std::uint64_t begin = 1;
  std::uint64_t end = last + 1;
  if (filter.from) {
    const auto first = first_entry_at(parts_.ledgers, account.id, last, *filter.from);
    if (!first) return rich_failure(first.error());
    begin = *first;
  }
  if (filter.to) {
    const auto past = first_entry_at(parts_.ledgers, account.id, last, *filter.to);
    if (!past) return rich_failure(past.error());
    end = *past;
  }
  const auto before = counts_.count(account.id, types, begin - 1);
  const auto through = counts_.count(account.id, types, end - 1);
  if (!before || !through) return rich_failure(before ? through.error() : before.error());
  std::uint64_t skip = 0;
  const auto start = counts_.seek(account.id, types, *before + filter.offset, last, skip);
  if (!start) return rich_failure(start.error());

  std::string json;
  JsonWriter out(json);
  out.begin_object().key("items").begin_array();
  std::uint64_t shown = 0;
  const auto scanned = parts_.ledgers.scan_entries(account.id, *start, [&](const LedgerEntry& entry) {
    if (entry.seq >= end || shown == filter.limit) return false;
    if (std::find(types.begin(), types.end(), entry.type) == types.end()) return true;
    if (skip > 0) return --skip, true;
    write_rich_entry(out, account, entry);
    ++shown;
    return true;
  });
  if (!scanned) return rich_failure(scanned.error());
  out.end_array().field("total", static_cast<std::int64_t>(*through - *before));
  out.field("limit", static_cast<std::int64_t>(filter.limit)).field("offset", static_cast<std::int64_t>(filter.offset));
  out.end_object();
  return json_response(200, std::move(json));
}

void RichAccount::summary(const AccountPtr& account, const Request&, const Answer& answer) {
  const UtcTime now = parts_.clock.now();
  parts_.elsewhere([this, account, now, answer] {
    const auto month = UsageRange::of(Granularity::month, {floor_to(Granularity::month, now), now}, now);
    ReportRequest all_time;
    all_time.range = {UtcTime(), next_after(Granularity::day, now + day_ms)};
    all_time.granularity = Granularity::total;
    const auto usage = parts_.meter.report(account->id, month->request());
    const auto ever = parts_.meter.report(account->id, all_time);
    const auto login = parts_.logins.login(account->id);
    if (!usage || !ever || !login)
      return answer(rich_failure(!usage ? usage.error() : !ever ? ever.error() : login.error()));
    std::string stats;
    JsonWriter stats_out(stats);
    stats_out.begin_object();
    write_stats(stats_out, *account, Granularity::month, stats_of_all(*usage, month->shown));
    stats_out.end_object();
    parts_.ledgers.read(
        account->id, [account, now, answer, stats = std::move(stats), requests = ever->totals.requests,
                      last_login = *login ? (*login)->last_login_at : std::nullopt](const Result<LedgerState>& state) {
          if (!state) return answer(rich_failure(state.error()));
          std::string json;
          JsonWriter out(json);
          out.begin_object().field("user_id", static_cast<std::int64_t>(account->user_id));
          out.field("email", account->email).key("credit_balance");
          write_credit_balance(out, *account, *state);
          out.key("subscription");
          write_rich_subscription(out, account->subscription, now);
          out.key("usage_this_month").raw(stats).field("total_requests_all_time", requests);
          out.field("account_created_at", account->created_at).key("last_login_at");
          if (last_login) {
            out.time(*last_login);
          } else {
            out.null();
          }
          out.end_object();
          answer(json_response(200, std::move(json)));
        });
  });
}

}  // namespace tally::http

#include "http/report_wire.h"

#include <algorithm>
#include <limits>

#include "core/event.h"
#include "core/report.h"
#include "http/report_run.h"
#include "http/result_writer.h"

namespace tally::http {

namespace {

std::optional<GroupBy> group_named(std::string_view word) {
  for (const GroupBy group : {GroupBy::endpoint, GroupBy::category, GroupBy::key}) {
    if (to_string(group) == word) return group;
  }
  return std::nullopt;
}

ReportType type_named(JsonReader& in) {
  const std::string word = in.string("type");
  for (const auto type : {ReportType::usage, ReportType::ledger, ReportType::statement, ReportType::what_if}) {
    if (to_string(type) == word) return type;
  }
  in.refuse("type", "must be usage, ledger, statement or what_if");
  return ReportType::usage;
}

std::vector<GroupBy> read_groups(JsonReader& in) {
  std::vector<GroupBy> chosen;
  for (const std::string& word : in.optional_strings("group_by").value_or(std::vector<std::string>{})) {
    const auto group = group_named(word);
    if (!group || std::find(chosen.begin(), chosen.end(), *group) != chosen.end()) {
      in.refuse("group_by", "must list endpoint, category and key, each at most once");
      break;
    }
    chosen.push_back(*group);
  }
  return chosen;
}

// An item is as in POST /operator/v1/prices, without options: usage is counted by units, not by options.
Result<void> read_draft_price(const JsonValue& value, std::string where, DraftPrices& draft) {
  JsonReader in(value, std::move(where));
  std::string endpoint = in.string("endpoint");
  DraftPrice price{in.credits("credits"), ChargeOn::result};
  (void)in.optional_string("category");
  if (endpoint.empty() || endpoint.size() > event_endpoint_bytes_max) in.refuse("endpoint", "must be 1 to 255 bytes");
  if (price.credits.negative()) in.refuse("credits", "must not be negative");
  if (const auto word = in.optional_string("charge_on")) {
    const auto charge_on = parse_charge_on(*word);
    if (!charge_on) in.refuse("charge_on", "must be result, success or request");
    if (charge_on) price.charge_on = *charge_on;
  }
  if (in.has("options")) in.refuse("options", "cannot be compared: usage is counted by units");
  if (auto good = in.finish(); !good) return good;
  if (draft.emplace(endpoint, price).second) return {};
  return fail(Errc::invalid_argument, "prices names " + endpoint + " twice", "duplicate_endpoint");
}

Result<DraftPrices> read_draft(JsonReader& in) {
  DraftPrices draft;
  const JsonValue* list = in.optional_array("prices");
  if (!list) return draft;
  if (list->items.empty() || list->items.size() > draft_prices_max) in.refuse("prices", "must have 1 to 1000 items");
  for (std::size_t i = 0; i < list->items.size() && i < draft_prices_max; ++i) {
    if (auto read = read_draft_price(list->items[i], in.path_of("prices", i), draft); !read) return read.error();
  }
  return draft;
}

// In order and each once; empty: all.
std::vector<AccountId> read_accounts(JsonReader& in) {
  const JsonValue& value = in.any("accounts");
  if (value.kind == JsonValue::Kind::string && value.text == "*") return {};
  std::vector<AccountId> accounts;
  const bool list =
      value.kind == JsonValue::Kind::array && !value.items.empty() && value.items.size() <= report_accounts_max;
  if (!list) in.refuse("accounts", "must be \"*\" or a list of 1 to 10000 ids");
  for (const JsonValue& item : value.items) {
    if (item.kind != JsonValue::Kind::string || !is_account_id(item.text)) {
      in.refuse("accounts", "must be \"*\" or a list of ids");
      break;
    }
    accounts.emplace_back(item.text);
  }
  std::sort(accounts.begin(), accounts.end());
  accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
  return accounts;
}

// Results were encoded Reports before there were formats.
Result<StoredResult> of_old_report(const Job& job, std::string_view bytes) {
  const auto report = decode_report(bytes);
  if (!report) return report.error();
  return usage_result(job.account, *report, 0, std::numeric_limits<std::uint64_t>::max());
}

Result<std::vector<GroupBy>> split_groups(std::string_view text) {
  std::vector<GroupBy> chosen;
  while (true) {
    const std::size_t comma = text.find(',');
    const auto group = group_named(text.substr(0, comma));
    if (!group)
      return fail(Errc::invalid_argument, "group_by must list endpoint, category and key, with commas between them",
                  "invalid_group_by");
    chosen.push_back(*group);
    if (comma == std::string_view::npos) return chosen;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<ReportOrder> read_report_order(const JsonValue& body, UtcTime now, CallSide side) {
  JsonReader in(body);
  ReportOrder order;
  ReportRequest& request = order.task.request;
  request.type = type_named(in);
  request.range.from = in.time("from");
  request.range.to = in.time("to");
  const auto granularity = in.optional_string("granularity");
  const auto format = in.optional_string("format");
  order.callback_url = in.optional_string("callback_url").value_or("");
  request.group_by = read_groups(in);
  request.granularity = request.type == ReportType::usage ? Granularity::day : coarsest_of(request.range);
  if (granularity) {
    const auto parsed = parse_granularity(*granularity);
    if (!parsed) in.refuse("granularity", "must be hour, day, month, year or total");
    if (parsed) request.granularity = *parsed;
  }
  if (format) {
    const auto parsed = parse_report_format(*format);
    if (!parsed) in.refuse("format", "must be json, ndjson, csv or xml");
    if (parsed) order.task.format = *parsed;
  }
  auto draft = read_draft(in);
  if (!draft) return draft.error();
  order.task.draft = std::move(*draft);
  if (side == CallSide::operator_side) order.task.accounts = read_accounts(in);
  if (auto good = in.finish(); !good) return good.error();
  if (auto valid = validate(order.task, now); !valid) return valid.error();
  return order;
}

Result<void> check_accounts(const storage::Directory& directory, const std::vector<AccountId>& accounts) {
  for (const AccountId& id : accounts) {
    if (!directory.account(id))
      return fail(Errc::invalid_argument, "there is no account " + id.str(), "unknown_account");
  }
  return {};
}

Result<ReportRequest> read_usage_query(const Request& request, UtcTime now) {
  ReportRequest asked;
  for (const auto& [name, value] : request.query) {
    if (name == "from" || name == "to") {
      const auto time = UtcTime::parse(value);
      if (!time)
        return fail(Errc::invalid_argument, name + " must be an ISO 8601 time or date such as 2026-02-03",
                    "invalid_" + name);
      (name == "from" ? asked.range.from : asked.range.to) = *time;
    } else if (name == "granularity") {
      const auto granularity = parse_granularity(value);
      if (!granularity)
        return fail(Errc::invalid_argument, "granularity must be hour, day, month, year or total",
                    "invalid_granularity");
      asked.granularity = *granularity;
    } else if (name == "group_by") {
      auto groups = split_groups(value);
      if (!groups) return groups.error();
      asked.group_by = std::move(*groups);
    } else {
      return fail(Errc::invalid_argument, "there is no parameter " + name, "unknown_parameter");
    }
  }
  for (const std::string_view name : {"from", "to"}) {
    if (!request.param(name))
      return fail(Errc::invalid_argument, std::string(name) + " must be given", "missing_" + std::string(name));
  }
  if (auto valid = validate(asked, now); !valid) return valid.error();
  return asked;
}

Result<StoredResult> usage_result(const AccountId& account, const Report& report, std::uint64_t price_version,
                                  std::uint64_t bytes_max) {
  ReportTask task;
  task.request = report.request;
  ResultWriter writer(task.format, shape_of(task, false), bytes_max, nullptr);
  TableRow row;
  for (const ReportRow& figures : report.rows) {
    set_usage_row(row, report, figures, nullptr);
    if (auto written = writer.row(row); !written) return written.error();
  }
  ReportProgress progress;
  progress.as_of = report.as_of;
  progress.price_version = price_version;
  progress.totals.usage = report.totals;
  const auto stored = writer.finish(facts_of(task, &account, progress), totals_of(task, progress.totals, false));
  if (!stored) return stored.error();
  return decode_stored_result(*stored);
}

Result<StoredResult> read_result(const Job& job, std::string_view bytes) {
  return is_stored_result(bytes) ? decode_stored_result(bytes) : of_old_report(job, bytes);
}

std::string status_url(const Job& job) {
  const bool by_operator = job.account == storage::system_account();
  return (by_operator ? "/operator/v1/reports/" : "/v1/reports/") + job.id.str();
}

std::string job_accepted_json(const Job& job) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("request_id", job.id.str()).field("status", to_string(job.status));
  out.field("created_at", job.created_at).field("status_url", status_url(job)).end_object();
  return json;
}

void write_job(JsonWriter& out, const Job& job) {
  out.field("request_id", job.id.str()).field("status", to_string(job.status)).field("created_at", job.created_at);
  if (job.finished()) out.field("finished_at", job.finished_at);
  out.field("status_url", status_url(job));
  if (job.status == JobStatus::processing && job.progress_total > 0) {
    out.key("progress").begin_object();
    out.field("done", static_cast<std::int64_t>(job.progress_done))
        .field("total", static_cast<std::int64_t>(job.progress_total));
    out.end_object();
  }
  if (job.status == JobStatus::failed) {
    out.key("error").begin_object().field("code", job.error_code).field("message", job.error_message).end_object();
  }
}

std::string job_json(const Job& job, std::string_view result) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  write_job(out, job);
  if (job.status == JobStatus::completed) {
    const auto stored = read_result(job, result);
    if (stored && stored->format == ReportFormat::json && stored->parts == 0 &&
        stored->bytes() <= inline_result_bytes_max) {
      out.key("result").raw(stored->head + stored->rows + stored->tail);
    } else {
      out.field("result_url", status_url(job) + "/result");
      if (stored) out.key("summary").raw(stored->summary);
    }
  }
  out.end_object();
  return json;
}

}  // namespace tally::http

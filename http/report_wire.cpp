#include "http/report_wire.h"

#include <algorithm>

#include "http/digest.h"

namespace tally::http {

namespace {

std::optional<GroupBy> group_named(std::string_view word) {
  for (const GroupBy group : {GroupBy::endpoint, GroupBy::category, GroupBy::key}) {
    if (to_string(group) == word) return group;
  }
  return std::nullopt;
}

void write_counters(JsonWriter& out, const Counters& counters) {
  out.field("requests", counters.requests).field("ok", counters.ok).field("failed", counters.failed);
  out.field("results", counters.results).key("credits").credits_string(Credits::from_micros(counters.credits_micros));
}

std::string rows_json(const Report& report) {
  std::string json;
  json.reserve(report.rows.size() * 128 + 2);
  JsonWriter out(json);
  out.begin_array();
  for (const ReportRow& row : report.rows) {
    out.begin_object().field("period", row.period);
    const auto& names = report.names_of(row);
    for (std::size_t i = 0; i < names.size(); ++i) out.field(to_string(report.request.group_by[i]), names[i]);
    write_counters(out, row.counters);
    out.end_object();
  }
  out.end_array();
  return json;
}

}  // namespace

Result<ReportOrder> read_report_order(const JsonValue& body, UtcTime now) {
  JsonReader in(body);
  ReportOrder order;
  const std::string type = in.string("type");
  order.request.range.from = in.time("from");
  order.request.range.to = in.time("to");
  const std::string granularity = in.optional_string("granularity").value_or("day");
  const auto groups = in.optional_strings("group_by");
  const std::string format = in.optional_string("format").value_or("json");
  order.callback_url = in.optional_string("callback_url").value_or("");
  if (type != "usage") in.refuse("type", "must be \"usage\"");
  if (format != "json") in.refuse("format", "must be \"json\"");
  if (const auto parsed = parse_granularity(granularity)) {
    order.request.granularity = *parsed;
  } else {
    in.refuse("granularity", "must be hour, day, month, year or total");
  }
  for (const std::string& word : groups.value_or(std::vector<std::string>{})) {
    const auto group = group_named(word);
    auto& chosen = order.request.group_by;
    if (!group || std::find(chosen.begin(), chosen.end(), *group) != chosen.end()) {
      in.refuse("group_by", "must list endpoint, category and key, each at most once");
      break;
    }
    chosen.push_back(*group);
  }
  if (auto good = in.finish(); !good) return good.error();
  if (auto valid = validate(order.request, now); !valid) return valid.error();
  return order;
}

std::string report_json(const Report& report, const AccountId& account) {
  const std::string rows = rows_json(report);
  std::string json;
  json.reserve(rows.size() + 512);
  JsonWriter out(json);
  out.begin_object();
  out.field("type", to_string(report.request.type)).field("account", account.str());
  out.field("from", report.request.range.from).field("to", report.request.range.to);
  out.field("granularity", to_string(report.request.granularity));
  out.field("as_of", static_cast<std::int64_t>(report.as_of)).field("digest", sha256_hex(rows));
  out.key("rows").raw(rows).key("totals").begin_object();
  write_counters(out, report.totals);
  out.end_object().end_object();
  return json;
}

std::string status_url(const RequestId& id) {
  return "/v1/reports/" + id.str();
}

std::string job_accepted_json(const Job& job) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("request_id", job.id.str()).field("status", to_string(job.status));
  out.field("created_at", job.created_at).field("status_url", status_url(job.id)).end_object();
  return json;
}

void write_job(JsonWriter& out, const Job& job) {
  out.field("request_id", job.id.str()).field("status", to_string(job.status)).field("created_at", job.created_at);
  if (job.finished()) out.field("finished_at", job.finished_at);
  out.field("status_url", status_url(job.id));
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
    const auto report = decode_report(result);
    const std::string body = report ? report_json(*report, job.account) : std::string();
    if (report && body.size() <= inline_result_bytes_max) {
      out.key("result").raw(body);
    } else {
      out.field("result_url", status_url(job.id) + "/result");
    }
  }
  out.end_object();
  return json;
}

}  // namespace tally::http

#include "http/operator/schedules.h"

#include "http/answers.h"
#include "http/json_text.h"
#include "http/json_writer.h"
#include "http/problem.h"
#include "http/report_wire.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t report_bytes_max = 16 * 1024;

void optional_instant(JsonWriter& out, std::string_view name, const std::optional<UtcTime>& at) {
  out.key(name);
  if (at) {
    out.time(*at);
  } else {
    out.null();
  }
}

void optional_text(JsonWriter& out, std::string_view name, std::string_view text) {
  out.key(name);
  if (text.empty()) {
    out.null();
  } else {
    out.string(text);
  }
}

// The operator's own, over the accounts that its report names.
bool is_over_many(const Schedule& schedule) {
  return schedule.account == storage::system_account();
}

std::string schedule_json(const Schedule& schedule) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("id", schedule.id.str());
  optional_text(out, "account", is_over_many(schedule) ? std::string_view() : schedule.account.str());
  optional_text(out, "name", schedule.name);
  out.field("when", schedule.when).key("report").raw(schedule.report);
  optional_text(out, "callback_url", schedule.callback_url);
  out.field("status", to_string(schedule.status)).field("created_at", schedule.created_at);
  optional_instant(out, "next_due_at", schedule.next_due);
  optional_instant(out, "last_due_at", schedule.last_due);
  optional_text(out, "last_request_id", schedule.last_request.str());
  optional_text(out, "last_error", schedule.last_error);
  out.field("fired", static_cast<std::int64_t>(schedule.fired));
  out.field("skipped", static_cast<std::int64_t>(schedule.skipped)).end_object();
  return json;
}

Response no_such_schedule() {
  return problem(404, "not_found", "no such schedule");
}

JsonValue text_value(std::string text) {
  JsonValue value;
  value.kind = JsonValue::Kind::string;
  value.text = std::move(text);
  return value;
}

// `period` becomes `from` and `to`.
Result<JsonValue> resolved(JsonValue report, UtcTime due) {
  const JsonValue* period = report.find("period");
  if (period == nullptr) return report;
  if (report.find("from") != nullptr || report.find("to") != nullptr || period->kind != JsonValue::Kind::string)
    return fail(Errc::invalid_argument, "period: must be a word, without from and to", "invalid_period");
  const auto range = resolve_period(period->text, due);
  if (!range) return fail(Errc::invalid_argument, "period: " + range.error().detail, "invalid_period");
  const auto place = period - report.items.data();
  report.items[static_cast<std::size_t>(place)] = text_value(range->from.to_string());
  report.names[static_cast<std::size_t>(place)] = "from";
  report.items.push_back(text_value(range->to.to_string()));
  report.names.emplace_back("to");
  return report;
}

}  // namespace

Result<Job> scheduled_job(const Schedule& schedule, UtcTime due) {
  auto report = parse_json(schedule.report);
  if (!report) return report.error();
  const auto body = resolved(std::move(*report), due);
  if (!body) return body.error();
  auto order = read_report_order(*body, due, is_over_many(schedule) ? CallSide::operator_side : CallSide::customer);
  if (!order) return order.error();
  Job job;
  job.account = schedule.account;
  job.dialect = Dialect::own;
  job.request = encode(order->task);
  job.callback_url = schedule.callback_url;
  return job;
}

OperatorSchedules::OperatorSchedules(storage::Schedules& schedules, const storage::Directory& directory,
                                     Idempotency& idempotency, const Clock& clock, Random& random,
                                     CallbackPolicy callback_policy)
    : schedules_(schedules),
      directory_(directory),
      idempotency_(idempotency),
      clock_(clock),
      random_(random),
      callback_policy_(std::move(callback_policy)) {}

void OperatorSchedules::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorSchedules::*act)(Request&&, Reply)) {
    router.add(method, path, guard([this, act](Request&& request, Reply reply) {
                 (this->*act)(std::move(request), std::move(reply));
               }));
  };
  add("GET", "/operator/v1/schedules", &OperatorSchedules::list);
  add("POST", "/operator/v1/schedules", &OperatorSchedules::create);
  add("GET", "/operator/v1/schedules/{id}", &OperatorSchedules::show);
  add("PATCH", "/operator/v1/schedules/{id}", &OperatorSchedules::change);
  add("DELETE", "/operator/v1/schedules/{id}", &OperatorSchedules::remove);
}

Result<Schedule> OperatorSchedules::read_new(const JsonValue& body) const {
  JsonReader in(body);
  Schedule schedule;
  const auto account = in.optional_string("account");
  schedule.account = account ? AccountId(*account) : storage::system_account();
  schedule.name = in.optional_string("name").value_or("");
  schedule.when = in.string("when");
  schedule.report = json_text(in.object("report"));
  schedule.callback_url = in.optional_string("callback_url").value_or("");
  const auto start = in.optional_time("start_at");
  if (schedule.name.size() > name_bytes_max) in.refuse("name", "must be at most 200 bytes");
  if (schedule.report.size() > report_bytes_max) in.refuse("report", "must be at most 16 KiB");
  if (const auto rule = parse_cron(schedule.when); !rule) in.refuse("when", rule.error().detail);
  if (auto good = in.finish(); !good) return good.error();
  if (!schedule.callback_url.empty()) {
    if (auto allowed = callback_policy_(schedule.callback_url); !allowed) return allowed.error();
  }
  schedule.created_at = clock_.now();
  resume(schedule, start.value_or(schedule.created_at));
  const auto job = scheduled_job(schedule, schedule.next_due.value_or(schedule.created_at));
  if (!job) return fail(job.error().code, "report." + job.error().detail, job.error().rule);
  if (auto known = check_accounts(directory_, decode_report_task(job->request)->accounts); !known) return known.error();
  if (parse_json(schedule.report)->find("callback_url") != nullptr)
    return fail(Errc::invalid_argument, "report.callback_url: belongs to the schedule", "unknown_field");
  return schedule;
}

void OperatorSchedules::create(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  auto schedule = read_new(call->body);
  if (!schedule) return reply(problem(schedule.error()));
  if (!is_over_many(*schedule) && !directory_.account(schedule->account))
    return reply(problem(404, "not_found", "no such account"));
  if (schedules_.size() >= schedules_max)
    return reply(problem(409, "too_many_schedules", "this server keeps at most 10000 schedules"));
  schedule->id = ScheduleId(make_id(random_, "sch"));
  const AccountId account = schedule->account;
  const auto effect = [this, made = std::move(*schedule)](storage::AccountTx& tx) -> Result<Response> {
    const auto stored = schedules_.create(tx, made);
    if (!stored) return stored.error();
    return json_response(201, schedule_json(*stored));
  };
  idempotency_.run(account, std::move(call->key), effect, reply);
}

void OperatorSchedules::list(Request&& request, Reply reply) {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return reply(problem(limit.error()));
  const auto page = schedules_.list(static_cast<std::size_t>(*limit), request.param("cursor").value_or(""));
  std::string items;
  for (const Schedule& schedule : page.items) {
    if (!items.empty()) items.push_back(',');
    items += schedule_json(schedule);
  }
  reply(json_response(200, list_json(items, page.next)));
}

void OperatorSchedules::show(Request&& request, Reply reply) {
  const auto schedule = schedules_.find(ScheduleId(std::string(request.path_param("id"))));
  reply(schedule ? json_response(200, schedule_json(*schedule)) : no_such_schedule());
}

void OperatorSchedules::change(Request&& request, Reply reply) {
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  JsonReader in(*body);
  const std::string status = in.string("status");
  if (status != to_string(ScheduleStatus::active) && status != to_string(ScheduleStatus::paused))
    in.refuse("status", "must be \"active\" or \"paused\"");
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  const auto known = schedules_.find(ScheduleId(std::string(request.path_param("id"))));
  if (!known) return reply(no_such_schedule());
  const auto effect = [this, id = known->id, active = status == to_string(ScheduleStatus::active)](
                          storage::AccountTx& tx) -> Result<Response> {
    const auto changed = schedules_.change(tx, id, [&](Schedule& schedule) -> Result<void> {
      if (active) {
        resume(schedule, clock_.now());
      } else {
        pause(schedule);
      }
      return {};
    });
    if (!changed) return changed.error();
    return json_response(200, schedule_json(*changed));
  };
  idempotency_.run(known->account, CallKey{}, effect, reply);
}

void OperatorSchedules::remove(Request&& request, Reply reply) {
  const auto known = schedules_.find(ScheduleId(std::string(request.path_param("id"))));
  if (!known) return reply(no_such_schedule());
  const auto effect = [this, id = known->id](storage::AccountTx& tx) -> Result<Response> {
    if (auto removed = schedules_.remove(tx, id); !removed) return removed.error();
    Response response;
    response.status = 204;
    return response;
  };
  idempotency_.run(known->account, CallKey{}, effect, reply);
}

}  // namespace tally::http

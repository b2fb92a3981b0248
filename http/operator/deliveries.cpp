#include "http/operator/deliveries.h"

#include "http/answers.h"
#include "http/json_writer.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::int64_t replayed_at_once_max = 1000;

std::optional<ReplayRange> read_range(const JsonValue& body, Response& refusal) {
  JsonReader in(body);
  ReplayRange range;
  if (const auto account = in.optional_string("account")) {
    auto id = parse_account_id(*account);
    if (!id) in.refuse("account", "is no account id");
    if (id) range.account = std::move(*id);
  }
  range.webhook_id = in.optional_string("webhook_id").value_or("");
  range.created = {in.time("from"), in.time("to")};
  if (range.created.from >= range.created.to) in.refuse("to", "must be later than from");
  const std::string status = in.optional_string("status").value_or("dead");
  if (status != to_string(DeliveryStatus::dead) && status != to_string(DeliveryStatus::delivered))
    in.refuse("status", "must be \"dead\" or \"delivered\"");
  if (status == to_string(DeliveryStatus::delivered)) range.status = DeliveryStatus::delivered;
  range.limit =
      static_cast<std::size_t>(in.optional_integer("limit", 1, replayed_at_once_max).value_or(replayed_at_once_max));
  range.cursor = in.optional_string("cursor").value_or("");
  const auto good = in.finish();
  if (good) return range;
  refusal = problem(good.error());
  return std::nullopt;
}

Response replay_answer(const ReplayCount& count) {
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("replayed", static_cast<std::int64_t>(count.replayed));
  out.field("skipped", static_cast<std::int64_t>(count.skipped)).key("next_cursor");
  if (count.next_cursor.empty()) {
    out.null();
  } else {
    out.string(count.next_cursor);
  }
  out.end_object();
  return json_response(202, std::move(json));
}

}  // namespace

void OperatorDeliveries::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorDeliveries::*act)(Request&&, Reply)) {
    router.add(method, path, guard([this, act](Request&& request, Reply reply) {
                 (this->*act)(std::move(request), std::move(reply));
               }));
  };
  add("GET", "/operator/v1/deliveries", &OperatorDeliveries::list);
  add("POST", "/operator/v1/deliveries/replay", &OperatorDeliveries::replay_range);
  add("GET", "/operator/v1/deliveries/{id}", &OperatorDeliveries::show);
  add("POST", "/operator/v1/deliveries/{id}/replay", &OperatorDeliveries::replay);
}

void OperatorDeliveries::show(Request&& request, Reply reply) {
  const auto detail = desk_.show(DeliveryId(std::string(request.path_param("id"))));
  reply(detail ? json_response(200, delivery_detail_json(*detail)) : problem(detail.error()));
}

void OperatorDeliveries::replay_range(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  const auto range = read_range(call->body, refusal);
  if (!range) return reply(std::move(refusal));
  const auto effect = [this, range](Idempotency::Answer answer) {
    desk_.replay_range(*range, [answer = std::move(answer)](const Result<ReplayCount>& count) {
      answer(count ? replay_answer(*count) : problem(count.error()));
    });
  };
  idempotency_.run_apart(storage::system_account(), std::move(call->key), effect, reply);
}

void OperatorDeliveries::list(Request&& request, Reply reply) {
  reply(list_deliveries(request, DeliverySide::operator_side, desk_.list));
}

// A replay that a crash cuts from its record may go out once more, with the webhook-id by which receivers drop it.
void OperatorDeliveries::replay(Request&& request, Reply reply) {
  auto key = call_key(request, CallSide::operator_side);
  if (!key) return reply(problem(key.error()));
  const auto effect = [this, id = DeliveryId(std::string(request.path_param("id")))](Idempotency::Answer answer) {
    desk_.replay(id, [answer = std::move(answer)](const Result<void>& replayed) {
      answer(replayed ? json_response(202, R"({"status":"pending"})") : problem(replayed.error()));
    });
  };
  idempotency_.run_apart(storage::system_account(), std::move(*key), effect, reply);
}

}  // namespace tally::http

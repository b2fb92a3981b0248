#include "http/delivery_wire.h"

#include "http/answers.h"
#include "http/json_writer.h"
#include "http/problem.h"

namespace tally::http {

namespace {

std::optional<DeliveryStatus> delivery_status_named(std::string_view word) {
  for (const DeliveryStatus status : {DeliveryStatus::pending, DeliveryStatus::delivered, DeliveryStatus::dead}) {
    if (to_string(status) == word) return status;
  }
  return std::nullopt;
}

void write_fields(JsonWriter& out, const Delivery& delivery, DeliverySide side) {
  const bool for_operator = side == DeliverySide::operator_side;
  out.field("id", delivery.id.str());
  if (for_operator) out.field("account", delivery.account.str());
  out.key("webhook_id");
  if (delivery.webhook_id.empty()) {
    out.null();
  } else {
    out.string(delivery.webhook_id);
  }
  out.field("url", delivery.url).field("event", delivery.event);
  if (for_operator) out.field("request_id", delivery.request.str());
  out.field("status", to_string(delivery.status)).field("attempts", std::int64_t{delivery.attempts});
  out.field("last_status", std::int64_t{delivery.last_status});
  if (for_operator) out.field("last_error", delivery.last_error);
  out.key("next_attempt_at");
  if (delivery.status == DeliveryStatus::pending) {
    out.time(delivery.next_attempt_at);
  } else {
    out.null();
  }
  out.field("created_at", delivery.created_at);
}

}  // namespace

std::string delivery_json(const Delivery& delivery, DeliverySide side) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  write_fields(out, delivery, side);
  out.end_object();
  return json;
}

std::string delivery_detail_json(const DeliveryDetail& detail) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  write_fields(out, detail.delivery, DeliverySide::operator_side);
  out.field("body", detail.body).key("log").begin_array();
  for (const AttemptRecord& attempt : detail.attempts) {
    out.begin_object().field("started_at", attempt.started_at).field("took_ms", attempt.took_ms);
    out.field("url", attempt.url).key("headers").begin_object();
    for (const auto& [name, value] : sent_headers(detail.delivery, attempt)) out.field(name, value);
    out.end_object().field("status", std::int64_t{attempt.status}).field("error", attempt.error);
    out.field("response", attempt.response).end_object();
  }
  out.end_array().end_object();
  return json;
}

Response list_deliveries(const Request& request, DeliverySide side,
                         const std::function<Result<DeliveryPage>(std::optional<DeliveryStatus> status,
                                                                  std::size_t limit, std::string_view cursor)>& list) {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return problem(limit.error());
  std::optional<DeliveryStatus> status;
  if (const auto word = request.param("status")) {
    status = delivery_status_named(*word);
    if (!status) return problem(422, "invalid_status", "status must be pending, delivered or dead");
  }
  const auto page = list(status, static_cast<std::size_t>(*limit), request.param("cursor").value_or(""));
  if (!page) return problem(page.error());
  std::string items;
  for (const Delivery& delivery : page->items) {
    if (!items.empty()) items.push_back(',');
    items += delivery_json(delivery, side);
  }
  return json_response(200, list_json(items, page->next_cursor));
}

}  // namespace tally::http

#include "http/operator/deliveries.h"

#include "http/answers.h"
#include "http/json_writer.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

void write_delivery(JsonWriter& out, const Delivery& delivery) {
  out.begin_object().field("id", delivery.id.str()).field("account", delivery.account.str());
  out.key("webhook_id");
  if (delivery.webhook_id.empty()) {
    out.null();
  } else {
    out.string(delivery.webhook_id);
  }
  out.field("url", delivery.url).field("event", delivery.event).field("request_id", delivery.request.str());
  out.field("status", to_string(delivery.status)).field("attempts", std::int64_t{delivery.attempts});
  out.field("last_status", std::int64_t{delivery.last_status}).field("last_error", delivery.last_error);
  out.key("next_attempt_at");
  if (delivery.status == DeliveryStatus::pending) {
    out.time(delivery.next_attempt_at);
  } else {
    out.null();
  }
  out.field("created_at", delivery.created_at).end_object();
}

std::optional<DeliveryStatus> status_named(std::string_view word) {
  for (const DeliveryStatus status : {DeliveryStatus::pending, DeliveryStatus::delivered, DeliveryStatus::dead}) {
    if (to_string(status) == word) return status;
  }
  return std::nullopt;
}

}  // namespace

void OperatorDeliveries::add_to(Router& router, const OperatorGuard& guard) {
  router.add("GET", "/operator/v1/deliveries",
             guard([this](Request&& request, Reply reply) { list(std::move(request), std::move(reply)); }));
  router.add("POST", "/operator/v1/deliveries/{id}/replay",
             guard([this](Request&& request, Reply reply) { replay(std::move(request), std::move(reply)); }));
}

void OperatorDeliveries::list(Request&& request, Reply reply) {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return reply(problem(limit.error()));
  std::optional<DeliveryStatus> status;
  if (const auto word = request.param("status")) {
    status = status_named(*word);
    if (!status) return reply(problem(422, "invalid_status", "status must be pending, delivered or dead"));
  }
  const auto page = desk_.list(status, static_cast<std::size_t>(*limit), request.param("cursor").value_or(""));
  if (!page) return reply(problem(page.error()));
  std::string items;
  JsonWriter out(items);
  for (const Delivery& delivery : page->items) write_delivery(out, delivery);
  reply(json_response(200, list_json(items, page->next_cursor)));
}

void OperatorDeliveries::replay(Request&& request, Reply reply) {
  desk_.replay(DeliveryId(std::string(request.path_param("id"))), [reply](const Result<void>& replayed) {
    reply(replayed ? json_response(202, R"({"status":"pending"})") : problem(replayed.error()));
  });
}

}  // namespace tally::http

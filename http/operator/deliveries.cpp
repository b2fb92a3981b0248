#include "http/operator/deliveries.h"

#include "http/answers.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

void OperatorDeliveries::add_to(Router& router, const OperatorGuard& guard) {
  router.add("GET", "/operator/v1/deliveries",
             guard([this](Request&& request, Reply reply) { list(std::move(request), std::move(reply)); }));
  router.add("POST", "/operator/v1/deliveries/{id}/replay",
             guard([this](Request&& request, Reply reply) { replay(std::move(request), std::move(reply)); }));
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

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

void OperatorDeliveries::replay(Request&& request, Reply reply) {
  desk_.replay(DeliveryId(std::string(request.path_param("id"))), [reply](const Result<void>& replayed) {
    reply(replayed ? json_response(202, R"({"status":"pending"})") : problem(replayed.error()));
  });
}

}  // namespace tally::http

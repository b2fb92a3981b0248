// /operator/v1/deliveries: the webhook log and its dead letters.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "http/delivery_wire.h"
#include "http/idempotency.h"
#include "http/operator/guard.h"
#include "http/request.h"

namespace tally::http {

class Router;

// What the webhook room does for these routes; the composition root joins them.
struct DeliveryDesk {
  using Page = DeliveryPage;
  std::function<Result<Page>(std::optional<DeliveryStatus> status, std::size_t limit, std::string_view cursor)> list;
  // Sends a dead or delivered one again. Errc::not_found, Errc::conflict while it is pending.
  std::function<void(const DeliveryId& id, std::function<void(Result<void>)> done)> replay;
};

class OperatorDeliveries {
 public:
  OperatorDeliveries(DeliveryDesk desk, Idempotency& idempotency) : desk_(std::move(desk)), idempotency_(idempotency) {}
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void list(Request&& request, Reply reply);
  void replay(Request&& request, Reply reply);
  DeliveryDesk desk_;
  Idempotency& idempotency_;
};

}  // namespace tally::http

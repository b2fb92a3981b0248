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

// Which deliveries are to be sent again.
struct ReplayRange {
  std::optional<AccountId> account;
  std::string webhook_id;  // empty: whatever it is
  DeliveryStatus status = DeliveryStatus::dead;
  TimeRange created;
  std::size_t limit = 0;
  std::string cursor;
};
struct ReplayCount {
  std::size_t replayed = 0;
  std::size_t skipped = 0;  // payments, and what was sent again meanwhile
  std::string next_cursor;  // empty: the range is done
};

// What the webhook room does for these routes; the composition root joins them.
struct DeliveryDesk {
  using Page = DeliveryPage;
  std::function<Result<Page>(std::optional<DeliveryStatus> status, std::size_t limit, std::string_view cursor)> list;
  std::function<Result<DeliveryDetail>(const DeliveryId& id)> show;
  // Up to `limit` of the range. Errc::invalid_argument; Errc::exhausted: some were sent again, the others not.
  using RangeDone = std::function<void(Result<ReplayCount>)>;
  std::function<void(const ReplayRange& range, const RangeDone& done)> replay_range;
  // Sends a dead or delivered one again. Errc::not_found, Errc::conflict while it is pending.
  std::function<void(const DeliveryId& id, std::function<void(Result<void>)> done)> replay;
};

class OperatorDeliveries {
 public:
  OperatorDeliveries(DeliveryDesk desk, Idempotency& idempotency) : desk_(std::move(desk)), idempotency_(idempotency) {}
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void list(Request&& request, Reply reply);
  void show(Request&& request, Reply reply);
  void replay(Request&& request, Reply reply);
  void replay_range(Request&& request, Reply reply);
  DeliveryDesk desk_;
  Idempotency& idempotency_;
};

}  // namespace tally::http

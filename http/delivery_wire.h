// Deliveries on the wire.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/attempt_log.h"
#include "http/request.h"

namespace tally::http {

enum class DeliverySide : std::uint8_t { operator_side = 1, customer };

struct DeliveryPage {
  std::vector<Delivery> items;
  std::string next_cursor;
};

// The operator sees the account, the request and why an attempt failed too.
std::string delivery_json(const Delivery& delivery, DeliverySide side);

// All that is known of one delivery, for the operator.
struct DeliveryDetail {
  Delivery delivery;
  std::string body;
  std::vector<AttemptRecord> attempts;  // the latest, in order
};
std::string delivery_detail_json(const DeliveryDetail& detail);

// Answers GET with `limit`, `cursor` and `status`; `list` finds the page.
Response list_deliveries(const Request& request, DeliverySide side,
                         const std::function<Result<DeliveryPage>(std::optional<DeliveryStatus> status,
                                                                  std::size_t limit, std::string_view cursor)>& list);

}  // namespace tally::http

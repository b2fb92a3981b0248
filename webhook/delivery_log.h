// Reading deliveries across accounts, a bounded piece at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/delivery.h"
#include "storage/store.h"

namespace tally::webhook {

// A place between two deliveries in the order of account, then id.
struct DeliveryCursor {
  AccountId account;
  DeliveryId id;  // the last one that was seen
};

// Visits the rows of `table` (whose keys are delivery ids) after `cursor` until `visit` answers false.
Result<void> scan_after(const storage::Rows& rows, storage::Table table, const DeliveryCursor& cursor,
                        const storage::AccountRowVisitor& visit);

struct DeliveryPage {
  std::vector<Delivery> items;
  std::string next_cursor;  // empty: there are no more
};

// What is not given counts for nothing.
struct DeliveryFilter {
  std::optional<AccountId> account;
  std::string webhook_id;
  std::optional<DeliveryStatus> status;
  std::optional<TimeRange> created;
};

// At most `limit` deliveries that pass the filter, in the order of account, then id. A page looks at a
// bounded number of rows, so it may hold fewer, even none, with more to come: go on until next_cursor is empty.
// Errc::invalid_argument, rule "invalid_cursor".
Result<DeliveryPage> list_deliveries(const storage::Rows& rows, const DeliveryFilter& filter, std::size_t limit,
                                     std::string_view cursor);

// The key of a row of Table::webhook_delivery: the webhook's id, then the time, then the delivery's id.
std::string webhook_log_key(const Delivery& delivery);
struct WebhookLogEntry {
  UtcTime created_at;
  DeliveryId id;
};
std::optional<WebhookLogEntry> read_webhook_log_key(std::string_view key);

// The deliveries of one webhook, the newest first; else as list_deliveries.
Result<DeliveryPage> list_webhook_deliveries(const storage::Rows& rows, const AccountId& account,
                                             std::string_view webhook_id, std::optional<DeliveryStatus> status,
                                             std::size_t limit, std::string_view cursor);

}  // namespace tally::webhook

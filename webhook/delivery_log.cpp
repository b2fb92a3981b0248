#include "webhook/delivery_log.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/codec.h"

namespace tally::webhook {
namespace {

using storage::Table;

constexpr std::size_t rows_per_page_max = 20'000;
constexpr char cursor_separator = '/';  // in no account or delivery id

Result<DeliveryCursor> parse_cursor(std::string_view text) {
  if (text.empty()) return DeliveryCursor{};
  const std::size_t at = text.find(cursor_separator);
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) {
    return fail(Errc::invalid_argument, "the cursor is not one that a list gave", "invalid_cursor");
  }
  return DeliveryCursor{AccountId(std::string(text.substr(0, at))), DeliveryId(std::string(text.substr(at + 1)))};
}

std::string webhook_log_prefix(std::string_view webhook_id) {
  return std::string(webhook_id) + '\0';
}

// A cursor is the milliseconds and the id of the last delivery that was seen.
Result<std::string> webhook_log_place(std::string_view webhook_id, std::string_view cursor) {
  const std::size_t at = cursor.find(cursor_separator);
  std::int64_t ms = -1;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + std::min(at, cursor.size()), ms);
  if (error != std::errc() || at == std::string_view::npos || end != cursor.data() + at || ms < 0)
    return fail(Errc::invalid_argument, "the cursor is not one that a list gave", "invalid_cursor");
  Delivery seen;
  seen.webhook_id = webhook_id;
  seen.created_at = UtcTime::from_ms(ms);
  seen.id = DeliveryId(std::string(cursor.substr(at + 1)));
  return webhook_log_key(seen);
}

bool passes(const DeliveryFilter& filter, const Delivery& delivery) {
  if (filter.status && delivery.status != *filter.status) return false;
  if (!filter.webhook_id.empty() && delivery.webhook_id != filter.webhook_id) return false;
  return !filter.created || (delivery.created_at >= filter.created->from && delivery.created_at < filter.created->to);
}

// The smallest key after this one.
std::string after(const std::string& key) {
  return key + '\0';
}

// A bound after every row of this account and before every other account that follows; no account holds this character.
AccountId next_account(const AccountId& account) {
  return AccountId(account.str() + '\x01');
}

}  // namespace

Result<void> scan_after(const storage::Rows& rows, Table table, const DeliveryCursor& cursor,
                        const storage::AccountRowVisitor& visit) {
  if (cursor.account.empty()) return rows.scan_all(table, cursor.account, visit);
  bool stopped = false;
  const auto in_account = rows.scan(table, cursor.account, {after(cursor.id.str()), {}, false},
                                    [&](std::string_view key, std::string_view value) {
                                      stopped = !visit(cursor.account.str(), key, value);
                                      return !stopped;
                                    });
  if (!in_account || stopped) return in_account;
  return rows.scan_all(table, next_account(cursor.account), visit);
}

Result<DeliveryPage> list_deliveries(const storage::Rows& rows, const DeliveryFilter& filter, std::size_t limit,
                                     std::string_view cursor) {
  auto start = parse_cursor(cursor);
  if (!start) return start.error();
  if (filter.account && start->account.empty()) start->account = *filter.account;
  DeliveryPage page;
  std::size_t seen = 0;
  std::optional<Error> broken;
  const auto scanned = scan_after(rows, Table::delivery, *start,
                                  [&](std::string_view owner, std::string_view key, std::string_view value) {
                                    if (filter.account && owner != filter.account->str()) return false;
                                    auto delivery = decode_delivery(value);
                                    if (!delivery) {
                                      broken = delivery.error();
                                      return false;
                                    }
                                    if (passes(filter, *delivery)) page.items.push_back(std::move(*delivery));
                                    if (page.items.size() < limit && ++seen < rows_per_page_max) return true;
                                    page.next_cursor = std::string(owner) + cursor_separator + std::string(key);
                                    return false;
                                  });
  if (broken) return *std::move(broken);
  if (!scanned) return scanned.error();
  return page;
}

std::string webhook_log_key(const Delivery& delivery) {
  std::string key = webhook_log_prefix(delivery.webhook_id);
  append_be64(key, static_cast<std::uint64_t>(delivery.created_at.ms()));
  key += delivery.id.str();
  return key;
}

std::optional<WebhookLogEntry> read_webhook_log_key(std::string_view key) {
  const std::size_t at = key.find('\0');
  if (at == std::string_view::npos || key.size() < at + 9) return std::nullopt;
  const auto ms = static_cast<std::int64_t>(read_be64(key.substr(at + 1, 8)));
  return WebhookLogEntry{UtcTime::from_ms(ms), DeliveryId(std::string(key.substr(at + 9)))};
}

Result<DeliveryPage> list_webhook_deliveries(const storage::Rows& rows, const AccountId& account,
                                             std::string_view webhook_id, std::optional<DeliveryStatus> status,
                                             std::size_t limit, std::string_view cursor) {
  storage::ScanRange range{webhook_log_prefix(webhook_id), std::string(webhook_id) + '\1', true};
  if (!cursor.empty()) {
    auto before = webhook_log_place(webhook_id, cursor);
    if (!before) return before.error();
    range.to = std::move(*before);
  }
  DeliveryPage page;
  std::size_t seen = 0;
  std::optional<Error> broken;
  const auto scanned = rows.scan(Table::webhook_delivery, account, range, [&](std::string_view key, std::string_view) {
    const auto entry = read_webhook_log_key(key);
    const auto row = entry ? rows.get(Table::delivery, account, entry->id.str())
                           : Result<std::optional<std::string>>(fail(Errc::corrupt, "a webhook's log"));
    if (!row) return broken = row.error(), false;
    if (!*row) return true;  // dropped between the two reads
    auto delivery = decode_delivery(**row);
    if (!delivery) return broken = delivery.error(), false;
    if (!status || delivery->status == *status) page.items.push_back(std::move(*delivery));
    if (page.items.size() < limit && ++seen < rows_per_page_max) return true;
    page.next_cursor = std::to_string(entry->created_at.ms()) + cursor_separator + entry->id.str();
    return false;
  });
  if (broken) return *std::move(broken);
  if (!scanned) return scanned.error();
  return page;
}

}  // namespace tally::webhook

#include "webhook/delivery_log.h"

#include <utility>

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

Result<DeliveryPage> list_deliveries(const storage::Rows& rows, const std::optional<AccountId>& account,
                                     std::optional<DeliveryStatus> status, std::size_t limit, std::string_view cursor) {
  auto start = parse_cursor(cursor);
  if (!start) return start.error();
  if (account && start->account.empty()) start->account = *account;
  DeliveryPage page;
  std::size_t seen = 0;
  std::optional<Error> broken;
  const auto scanned = scan_after(rows, Table::delivery, *start,
                                  [&](std::string_view owner, std::string_view key, std::string_view value) {
                                    if (account && owner != account->str()) return false;
                                    auto delivery = decode_delivery(value);
                                    if (!delivery) {
                                      broken = delivery.error();
                                      return false;
                                    }
                                    if (!status || delivery->status == *status)
                                      page.items.push_back(std::move(*delivery));
                                    if (page.items.size() < limit && ++seen < rows_per_page_max) return true;
                                    page.next_cursor = std::string(owner) + cursor_separator + std::string(key);
                                    return false;
                                  });
  if (broken) return *std::move(broken);
  if (!scanned) return scanned.error();
  return page;
}

}  // namespace tally::webhook

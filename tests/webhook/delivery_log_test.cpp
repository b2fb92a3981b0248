#include "webhook/delivery_log.h"

#include <doctest/doctest.h>

#include "tests/webhook/fixture.h"

namespace delivery_log_test {

using namespace tally;
using namespace tally::webhook;
using namespace tally::webhook::test;

namespace {

const UtcTime t0 = ManualClock().now();

// Deliveries 0..9 of "a" and "a-b", the odd ones dead.
void fill(SwitchedStore& store) {
  for (const char* account : {"a", "a-b"}) {
    for (int n = 0; n < 10; ++n) {
      Delivery delivery = make_delivery(account, "msg_" + std::to_string(n), "https://example.com/", t0);
      if (n % 2 == 1) delivery.status = DeliveryStatus::dead;
      put_delivery(store, delivery);
    }
  }
}

std::vector<std::string> list(const SwitchedStore& store, std::optional<AccountId> account,
                              std::optional<DeliveryStatus> status, std::size_t limit) {
  std::vector<std::string> out;
  std::string cursor;
  do {
    const auto page = list_deliveries(store, {account, "", status, {}}, limit, cursor).value();
    CHECK(page.items.size() <= limit);
    for (const Delivery& delivery : page.items) out.push_back(delivery.account.str() + ":" + delivery.id.str());
    cursor = page.next_cursor;
  } while (!cursor.empty());
  return out;
}

}  // namespace

TEST_CASE("delivery log: pages of any size give every delivery once, in order") {
  SwitchedStore store;
  fill(store);
  const auto all = list(store, std::nullopt, std::nullopt, 500);
  CHECK(all.size() == 20);
  CHECK(all.front() == "a:msg_0");
  CHECK(all.back() == "a-b:msg_9");
  for (const std::size_t limit : {1, 3, 10, 20}) {
    CAPTURE(limit);
    CHECK(list(store, std::nullopt, std::nullopt, limit) == all);
  }
}

TEST_CASE("delivery log: a status and an account narrow the list") {
  SwitchedStore store;
  fill(store);
  CHECK(list(store, std::nullopt, DeliveryStatus::dead, 3).size() == 10);
  CHECK(list(store, std::nullopt, DeliveryStatus::delivered, 3).empty());
  CHECK(list(store, AccountId("a"), std::nullopt, 3).size() == 10);
  const auto dead = list(store, AccountId("a-b"), DeliveryStatus::dead, 2);
  CHECK(dead == std::vector<std::string>{"a-b:msg_1", "a-b:msg_3", "a-b:msg_5", "a-b:msg_7", "a-b:msg_9"});
  CHECK(list(store, AccountId("none"), std::nullopt, 3).empty());
}

TEST_CASE("delivery log: a webhook and a half-open range of time narrow the list") {
  SwitchedStore store;
  for (int n = 0; n < 6; ++n) {
    Delivery delivery = make_delivery("a", "msg_" + std::to_string(n), "https://example.com/", t0 + n);
    delivery.webhook_id = n % 2 == 0 ? "wh_even" : "wh_odd";
    put_delivery(store, delivery);
  }
  DeliveryFilter filter;
  filter.webhook_id = "wh_even";
  CHECK(list_deliveries(store, filter, 50, "")->items.size() == 3);
  filter.created = TimeRange{t0 + 2, t0 + 4};
  const auto page = list_deliveries(store, filter, 50, "");
  REQUIRE(page->items.size() == 1);
  CHECK(page->items[0].id.str() == "msg_2");
}

TEST_CASE("delivery log: a cursor of one account shows nothing of another's") {
  SwitchedStore store;
  fill(store);
  const auto page = list_deliveries(store, {AccountId("a"), "", {}, {}}, 50, "a-b/msg_1");
  REQUIRE(page);
  CHECK(page->items.empty());
}

TEST_CASE("delivery log: a cursor that no list gave is refused") {
  SwitchedStore store;
  for (const char* cursor : {"x", "/x", "x/", "/"}) {
    CAPTURE(cursor);
    CHECK(list_deliveries(store, {}, 50, cursor).error().rule == "invalid_cursor");
  }
}

}  // namespace delivery_log_test

#include "webhook/lanes.h"

#include <doctest/doctest.h>

namespace lanes_test {

using namespace tally;
using namespace tally::webhook;

namespace {

const UtcTime t0 = UtcTime::from_ms(1'770'000'000'000);
const AccountId account("acme");

RoutePtr to(const std::string& receiver) {
  return std::make_shared<Route>(Route{"https://" + receiver, receiver, {}});
}

DeliveryId id_of(int n) {
  return DeliveryId("msg_" + std::to_string(n));
}

std::string take(Lanes& lanes, UtcTime now = t0) {
  const auto* entry = lanes.take(now);
  return entry == nullptr ? std::string() : entry->id.str();
}

void add(Lanes& lanes, int n, const std::string& receiver, UtcTime due = t0) {
  CHECK(lanes.add(account, id_of(n), to(receiver), due) == Lanes::Admission::taken);
}

}  // namespace

TEST_CASE("lanes: an entry is taken when it is due, not before") {
  Lanes lanes({});
  add(lanes, 1, "a", t0 + 10);
  CHECK(take(lanes, t0 + 9) == "");
  CHECK(lanes.next_due() == t0 + 10);
  CHECK(take(lanes, t0 + 10) == "msg_1");
  CHECK(!lanes.next_due());
}

TEST_CASE("lanes: entries of one receiver go in the order they are due") {
  Lanes lanes({});
  add(lanes, 3, "a", t0 + 3);
  add(lanes, 1, "a", t0 + 1);
  add(lanes, 2, "a", t0 + 1);
  CHECK(take(lanes, t0 + 5) == "msg_1");
  CHECK(take(lanes, t0 + 5) == "msg_2");
  CHECK(take(lanes, t0 + 5) == "msg_3");
}

TEST_CASE("lanes: a receiver has no more attempts in flight than its cap, and others go on") {
  Lanes lanes({.per_receiver = 2});
  for (int n = 0; n < 5; ++n) add(lanes, n, "slow");
  add(lanes, 10, "fast");
  CHECK(take(lanes) == "msg_0");
  CHECK(take(lanes) == "msg_10");
  CHECK(take(lanes) == "msg_1");
  CHECK(take(lanes) == "");
  lanes.answered(id_of(0), true);
  CHECK(take(lanes) == "msg_2");
  CHECK(take(lanes) == "");
}

TEST_CASE("lanes: the total cap holds over all receivers, and they take turns") {
  Lanes lanes({.per_receiver = 8, .total = 4});
  for (int n = 0; n < 4; ++n) {
    add(lanes, n, "a");
    add(lanes, 10 + n, "b");
  }
  CHECK(take(lanes) == "msg_0");
  CHECK(take(lanes) == "msg_10");
  CHECK(take(lanes) == "msg_1");
  CHECK(take(lanes) == "msg_11");
  CHECK(take(lanes) == "");
  CHECK(lanes.in_flight() == 4);
}

TEST_CASE("lanes: a failing receiver gets one attempt at a time until one succeeds") {
  Lanes lanes({.per_receiver = 3});
  for (int n = 0; n < 9; ++n) add(lanes, n, "a");
  for (int n = 0; n < 3; ++n) CHECK(take(lanes) == id_of(n).str());
  for (int n = 0; n < 3; ++n) lanes.answered(id_of(n), false);
  CHECK(take(lanes) == "msg_3");
  CHECK(take(lanes) == "");
  lanes.answered(id_of(3), true);
  CHECK(take(lanes) == "msg_4");
  CHECK(take(lanes) == "msg_5");
  CHECK(take(lanes) == "msg_6");
  CHECK(take(lanes) == "");
}

TEST_CASE("lanes: receivers that have not answered yet leave half of the places to the first attempts of others") {
  Lanes lanes({.per_receiver = 8, .total = 8});
  for (int n = 0; n < 8; ++n) add(lanes, n, "silent");
  for (int n = 0; n < 5; ++n) CHECK(take(lanes) == id_of(n).str());
  CHECK(take(lanes) == "");  // one attempt and four ventures
  for (int n = 10; n < 13; ++n) add(lanes, n, "r" + std::to_string(n));
  for (int n = 10; n < 13; ++n) CHECK(take(lanes) == id_of(n).str());
  CHECK(take(lanes) == "");
}

TEST_CASE("lanes: failing receivers together leave half of the places to those that answer") {
  Lanes lanes({.per_receiver = 8, .total = 4});
  for (int n = 0; n < 4; ++n) {
    add(lanes, n, "dead" + std::to_string(n));
    CHECK(take(lanes) == id_of(n).str());
    lanes.answered(id_of(n), false);
    lanes.wait(id_of(n), t0 + 1);
  }
  CHECK(take(lanes, t0 + 1) == "msg_0");
  CHECK(take(lanes, t0 + 1) == "msg_1");
  CHECK(take(lanes, t0 + 1) == "");
  add(lanes, 10, "new", t0 + 1);
  CHECK(take(lanes, t0 + 1) == "msg_10");
  lanes.answered(id_of(10), true);
  for (int n = 11; n < 15; ++n) add(lanes, n, "new", t0 + 1);
  CHECK(take(lanes, t0 + 1) == "msg_11");
  CHECK(take(lanes, t0 + 1) == "msg_12");
  CHECK(take(lanes, t0 + 1) == "");
  lanes.answered(id_of(0), false);
  CHECK(take(lanes, t0 + 1) == "msg_13");  // before msg_2, which is a venture
}

TEST_CASE("lanes: an answer makes a waiting lane sure, and it need not wait for a venture's place") {
  Lanes lanes({.per_receiver = 2, .total = 4});
  for (int n = 0; n < 2; ++n) add(lanes, n, "a");
  for (int n = 2; n < 4; ++n) add(lanes, n, "b");
  for (int n = 4; n < 6; ++n) add(lanes, n, "c");
  for (const char* id : {"msg_0", "msg_2", "msg_4", "msg_1"}) CHECK(take(lanes) == id);
  CHECK(take(lanes) == "");
  lanes.answered(id_of(4), true);
  CHECK(take(lanes) == "msg_5");  // though "b" has waited longer
}

TEST_CASE("lanes: an attempt that is not answered gives its place away after a while, as often as there are places") {
  Lanes lanes({.per_receiver = 1, .total = 2});
  for (int n = 0; n < 6; ++n) add(lanes, n, "r" + std::to_string(n));
  CHECK(take(lanes) == "msg_0");
  CHECK(take(lanes) == "msg_1");
  CHECK(take(lanes) == "");
  const UtcTime later = t0 + Lanes::overdue_ms;
  CHECK(lanes.next_due() == later);
  CHECK(take(lanes, later - 1) == "");
  CHECK(take(lanes, later) == "msg_2");
  CHECK(take(lanes, later) == "msg_3");
  CHECK(take(lanes, later) == "");
  CHECK(lanes.in_flight() == 4);
  CHECK(!lanes.next_due());
  CHECK(take(lanes, later + Lanes::overdue_ms) == "");
  lanes.answered(id_of(0), false);
  CHECK(take(lanes, later + Lanes::overdue_ms) == "msg_4");
  CHECK(take(lanes, later + Lanes::overdue_ms) == "");
  lanes.answered(id_of(3), true);
  CHECK(take(lanes, later + Lanes::overdue_ms) == "msg_5");
  CHECK(lanes.in_flight() == 4);
}

TEST_CASE("lanes: a postponed entry frees its place and comes again") {
  Lanes lanes({.per_receiver = 1});
  add(lanes, 1, "a");
  add(lanes, 2, "a");
  CHECK(take(lanes) == "msg_1");
  lanes.postpone(id_of(1), t0 + 5);
  CHECK(take(lanes) == "msg_2");
  lanes.answered(id_of(2), true);
  lanes.remove(id_of(2));
  CHECK(take(lanes, t0 + 5) == "msg_1");
  lanes.answered(id_of(1), false);
  CHECK(lanes.held() == 1);
  lanes.wait(id_of(1), t0 + 9);
  CHECK(lanes.held() == 0);
  CHECK(take(lanes, t0 + 9) == "msg_1");
}

TEST_CASE("lanes: a known id is not taken twice, and can come again once it was removed") {
  Lanes lanes({});
  add(lanes, 1, "a");
  CHECK(lanes.add(account, id_of(1), to("a"), t0) == Lanes::Admission::known);
  CHECK(take(lanes) == "msg_1");
  CHECK(lanes.add(account, id_of(1), to("a"), t0) == Lanes::Admission::known);
  lanes.remove(id_of(1));
  CHECK(lanes.size() == 0);
  CHECK(lanes.in_flight() == 0);
  add(lanes, 1, "a");
}

TEST_CASE("lanes: a full lane turns away its own, not others', and tells when it has room") {
  Lanes lanes({.entries_max = 100, .entries_per_lane_max = 4});
  for (int n = 0; n < 4; ++n) add(lanes, n, "a");
  CHECK(lanes.add(account, id_of(4), to("a"), t0) == Lanes::Admission::lane_full);
  add(lanes, 10, "b", t0 + 1);
  CHECK(take(lanes) == "msg_0");
  lanes.remove(id_of(0));
  CHECK(!lanes.has_room_again());
  CHECK(take(lanes) == "msg_1");
  lanes.remove(id_of(1));
  CHECK(lanes.has_room_again());
  CHECK(!lanes.has_room_again());
}

TEST_CASE("lanes: past the total bound everything is turned away until half is gone") {
  Lanes lanes({.entries_max = 4, .entries_per_lane_max = 4});
  for (int n = 0; n < 4; ++n) add(lanes, n, "r" + std::to_string(n));
  CHECK(lanes.add(account, id_of(4), to("new"), t0) == Lanes::Admission::full);
  CHECK(take(lanes) == "msg_0");
  lanes.remove(id_of(0));
  CHECK(!lanes.has_room_again());
  CHECK(take(lanes) == "msg_1");
  lanes.remove(id_of(1));
  CHECK(lanes.has_room_again());
}

}  // namespace lanes_test

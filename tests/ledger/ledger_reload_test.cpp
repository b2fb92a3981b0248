// Auto-reload and notices.
#include "core/ledger.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/ledger/ledger_fixture.h"

namespace ledger_reload_test {

using namespace tally;

TEST_CASE("ledger: below the threshold one reload is asked for at a time") {
  LedgerFixture f = reloading(50, 200);
  REQUIRE(f.debit(50));
  CHECK_FALSE(f.last.reload);
  REQUIRE(f.debit(1));
  REQUIRE(f.last.reload);
  CHECK(f.last.reload->number == 1);
  CHECK(f.last.reload->amount == credits(200));
  REQUIRE(f.debit(10));
  CHECK_FALSE(f.last.reload);
}

TEST_CASE("ledger: a hold that reserves below the threshold asks for a reload") {
  LedgerFixture f = reloading(50, 200);
  REQUIRE(f.hold(60));
  CHECK(f.last.reload);
}

TEST_CASE("ledger: a reload is granted once") {
  LedgerFixture f = reloading(50, 200);
  REQUIRE(f.debit(60));
  CHECK(*pay(f, 1));
  CHECK(f.balance() == 240);
  CHECK(f.lots.at(2).origin == LotOrigin::reload);
  CHECK(f.entries.back().reference == "pay-1");
  REQUIRE(f.notices(Notice::Kind::reloaded).size() == 1);
  CHECK(f.notices(Notice::Kind::reloaded)[0].amount == credits(200));
  CHECK(f.notices(Notice::Kind::reloaded)[0].available == credits(240));
  CHECK_FALSE(*pay(f, 1));
  CHECK_FALSE(decline(f, 1));
  CHECK_FALSE(*pay(f, 2));
  CHECK(f.balance() == 240);
}

TEST_CASE("ledger: the amount that is granted is the one that was asked for") {
  LedgerFixture f = reloading(50, 200);
  REQUIRE(f.debit(60));
  f.terms.reload.amount = credits(999);
  CHECK(*pay(f, 1));
  CHECK(f.balance() == 240);
}

TEST_CASE("ledger: a declined reload is asked for again after an hour, not before") {
  LedgerFixture f = reloading(50, 200);
  REQUIRE(f.debit(60));
  CHECK(decline(f, 1));
  CHECK_FALSE(f.last.reload);
  CHECK(f.state.due_at == f.now + reload_backoff_ms);
  f.now = f.now + reload_backoff_ms - 1;
  REQUIRE(f.debit(1));
  CHECK_FALSE(f.last.reload);
  f.now = f.now + 1;
  f.run([](Ledger&) { return true; });
  REQUIRE(f.last.reload);
  CHECK(f.last.reload->number == 2);
}

TEST_CASE("ledger: reloads stop at the daily cap and go on the next day") {
  LedgerFixture f = reloading(1'000, 200, 500);
  REQUIRE(f.debit(1));
  CHECK(*pay(f, 1));
  REQUIRE(f.last.reload);  // still below the threshold
  CHECK(*pay(f, 2));
  CHECK_FALSE(f.last.reload);  // 600 would pass 500
  CHECK(f.state.due_at == at("2026-05-11"));
  f.wait_until("2026-05-11");
  CHECK(f.last.reload);
}

TEST_CASE("ledger: refused reloads do not count towards the cap") {
  LedgerFixture f = reloading(1'000, 200, 200);
  REQUIRE(f.debit(1));
  for (std::uint64_t number = 1; number < 5; ++number) {
    CHECK(decline(f, number));
    f.now = f.now + reload_backoff_ms;
    f.run([](Ledger&) { return true; });
    REQUIRE(f.last.reload);
  }
}

TEST_CASE("ledger: a reload above the daily cap is never asked for") {
  LedgerFixture f = reloading(1'000, 200, 199);
  REQUIRE(f.debit(1));
  CHECK_FALSE(f.last.reload);
  CHECK(f.state.due_at == add_months(f.now, 12) - expiry_notice_ms);
}

TEST_CASE("ledger: neither a disabled reload nor an unlimited account asks") {
  LedgerFixture f = reloading(1'000, 200);
  SUBCASE("disabled") {
    f.terms.reload.enabled = false;
  }
  SUBCASE("unlimited") {
    f.terms.unlimited = true;
  }
  REQUIRE(f.adjust(-1));
  CHECK_FALSE(f.last.reload);
}

TEST_CASE("ledger: each threshold is told of once per crossing") {
  LedgerFixture f;
  f.terms.low_balance_thresholds = {credits(50), credits(20)};
  REQUIRE(f.grant(100));
  REQUIRE(f.debit(50));
  CHECK(f.last.notices.empty());
  REQUIRE(f.debit(1));
  REQUIRE(f.notices(Notice::Kind::low).size() == 1);
  CHECK(f.notices(Notice::Kind::low)[0].amount == credits(50));
  CHECK(f.notices(Notice::Kind::low)[0].available == credits(49));
  REQUIRE(f.debit(9));
  CHECK(f.last.notices.empty());
  REQUIRE(f.debit(40));
  CHECK(f.notices(Notice::Kind::low).size() == 1);
  CHECK(f.notices(Notice::Kind::exhausted).size() == 1);
  REQUIRE(f.debit(1));
  CHECK(f.last.notices.empty());
  REQUIRE(f.grant(200));
  CHECK(f.last.notices.empty());
  REQUIRE(f.debit(199));
  CHECK(f.notices(Notice::Kind::low).size() == 2);
}

TEST_CASE("ledger: a lot's expiry is announced a week ahead, once") {
  LedgerFixture f;
  REQUIRE(f.grant(100, at("2026-06-30")));
  CHECK(f.state.due_at == at("2026-06-23"));
  f.wait_until("2026-06-22T23:59:59.999Z");
  CHECK(f.last.notices.empty());
  f.wait_until("2026-06-23");
  REQUIRE(f.notices(Notice::Kind::expiring).size() == 1);
  const Notice notice = f.last.notices[0];
  CHECK(notice.lot == 1);
  CHECK(notice.amount == credits(100));
  CHECK(notice.at == at("2026-06-30"));
  CHECK(f.state.due_at == at("2026-06-30"));
  f.wait_until("2026-06-25");
  CHECK(f.last.notices.empty());
}

TEST_CASE("ledger: a lot that lasts less than a week is announced at once, a month's lot never") {
  LedgerFixture f;
  REQUIRE(f.grant(100, f.now + day_ms));
  CHECK(f.notices(Notice::Kind::expiring).size() == 1);
  f.now = at("2026-05-30");
  REQUIRE(f.start_allocation(10));
  CHECK(f.notices(Notice::Kind::expiring).empty());
}

}  // namespace ledger_reload_test

// What time changes: expiry, allocations and their rollover.
#include "core/ledger.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/ledger/ledger_fixture.h"

namespace ledger_time_test {

using namespace tally;

TEST_CASE("ledger: an allocation ends with its month and the next comes at the month's start") {
  LedgerFixture f;
  REQUIRE(f.start_allocation(100));
  CHECK(f.lots.at(1).origin == LotOrigin::allocation);
  CHECK(f.lots.at(1).expires_at == at("2026-06-01"));
  REQUIRE(f.debit(30));
  f.now = at("2026-06-03");
  REQUIRE(f.debit(1));
  REQUIRE(f.entries.size() == 5);
  CHECK(f.entries[2].type == EntryType::grant);
  CHECK(f.entries[2].created_at == at("2026-06-01"));
  CHECK(f.entries[3].type == EntryType::expiry);
  CHECK(f.entries[3].amount == credits(-70));
  CHECK(f.entries[3].created_at == at("2026-06-01"));
  CHECK(f.balance() == 99);
}

TEST_CASE("ledger: the running month is granted once, however often the allocation is started") {
  LedgerFixture f;
  REQUIRE(f.start_allocation(100));
  REQUIRE(f.start_allocation(100));
  CHECK(f.balance() == 100);
  CHECK(refusal(f.start_allocation(-1)) == "invalid_amount");
}

TEST_CASE("ledger: months of downtime are granted one by one, each exactly once") {
  LedgerFixture f;
  REQUIRE(f.start_allocation(100));
  f.wait_until("2027-01-15");
  CHECK(f.count(EntryType::grant) == 9);
  CHECK(f.count(EntryType::expiry) == 8);
  CHECK(f.balance() == 100);
  CHECK(f.state.due_at == at("2027-02-01"));
  f.wait_until("2027-01-31T23:59:59.999Z");
  CHECK(f.last.entries.empty());
}

TEST_CASE("ledger: rollover grants what is left again, at most the cap, before the allocation") {
  LedgerFixture f;
  f.terms.rollover = true;
  REQUIRE(f.start_allocation(100));
  REQUIRE(f.debit(30));
  SUBCASE("without a cap") {
    f.wait_until("2026-06-01");
    CHECK(f.lots.at(2).origin == LotOrigin::rollover);
    CHECK(f.lots.at(2).amount == credits(70));
    CHECK(f.lots.at(2).expires_at == at("2026-07-01"));
    CHECK(f.balance() == 170);
    f.wait_until("2026-07-01");
    CHECK(f.balance() == 270);  // what was rolled over rolls on
  }
  SUBCASE("with a cap") {
    f.terms.rollover_cap = credits(20);
    f.wait_until("2026-06-01");
    CHECK(f.balance() == 120);
    f.wait_until("2026-07-01");
    CHECK(f.balance() == 120);
  }
  SUBCASE("only of the month's own lots") {
    REQUIRE(f.grant(1'000, at("2026-06-01")));
    f.wait_until("2026-06-01");
    CHECK(f.balance() == 170);
  }
}

TEST_CASE("ledger: a month turns before its lots leave, also when a hold ends at that moment") {
  LedgerFixture f;
  f.terms.rollover = true;
  f.now = at("2026-05-31T23:59:00Z");
  REQUIRE(f.start_allocation(100));
  REQUIRE(f.hold(10, minute_ms));
  f.wait_until("2026-06-01");
  CHECK(f.balance() == 200);
}

TEST_CASE("ledger: an allocation that ended grants no months that passed when it begins again") {
  LedgerFixture f;
  REQUIRE(f.start_allocation(100));
  f.terms.monthly_allocation.reset();
  f.run([](Ledger&) { return true; });
  f.wait_until("2026-06-15");
  CHECK(f.balance() == 0);
  f.now = at("2026-09-10");
  REQUIRE(f.start_allocation(100));
  CHECK(f.balance() == 100);
  CHECK(f.count(EntryType::grant) == 2);
}

TEST_CASE("ledger: an allocation that ends and begins within a month is granted once") {
  LedgerFixture f;
  REQUIRE(f.start_allocation(100));
  f.terms.monthly_allocation.reset();
  f.run([](Ledger&) { return true; });
  REQUIRE(f.start_allocation(100));
  CHECK(f.balance() == 100);
  f.wait_until("2026-06-01");
  CHECK(f.balance() == 100);
  CHECK(f.count(EntryType::grant) == 2);
}

TEST_CASE("ledger: entries are the same however late they are posted") {
  LedgerFixture jump;
  jump.terms.rollover = true;
  REQUIRE(jump.start_allocation(100));
  REQUIRE(jump.grant(50, at("2026-06-10")));
  REQUIRE(jump.hold(120, 7 * day_ms));
  LedgerFixture steps = jump;
  for (int day = 0; day < 120; ++day) {
    steps.now = steps.now + day_ms;
    steps.run([](Ledger&) { return true; });
  }
  jump.now = steps.now;
  jump.run([](Ledger&) { return true; });
  CHECK(jump.entries == steps.entries);
  CHECK(encode(jump.state) == encode(steps.state));
}

TEST_CASE("ledger: no entry is dated before the one before it, even if the clock is set back") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  const UtcTime first = f.now;
  f.now = f.now - day_ms;
  REQUIRE(f.debit(1));
  CHECK(f.entries.back().created_at == first);
}

TEST_CASE("ledger: a command that does nothing changes nothing") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  f.run([](Ledger&) { return true; });
  CHECK_FALSE(f.last.changed);
}

}  // namespace ledger_time_test

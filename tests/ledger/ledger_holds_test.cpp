// Holds.
#include "core/ledger.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/ledger/ledger_fixture.h"

namespace ledger_holds_test {

using namespace tally;

TEST_CASE("ledger: a hold reserves, and only what is available") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(60));
  CHECK(f.balance() == 100);
  CHECK(f.reserved() == 60);
  CHECK(f.available() == 40);
  const auto refused = f.hold(41);
  CHECK(refused.error().code == Errc::insufficient_credits);
  CHECK(f.state.last_hold == 1);
  CHECK(f.hold(40));
}

TEST_CASE("ledger: several holds share one overdraft limit") {
  LedgerFixture f;
  f.terms.overdraft_limit = credits(50);
  REQUIRE(f.grant(100));
  CHECK(f.hold(120));
  CHECK(f.hold(30));
  CHECK(refusal(f.hold(1)) == "insufficient_credits");
  CHECK(f.available() == 0);
}

TEST_CASE("ledger: a hold that breaks a rule is refused") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  CHECK(refusal(f.hold(-1)) == "invalid_amount");
  CHECK(refusal(f.hold(1, 0)) == "invalid_ttl");
  CHECK(refusal(f.hold(1, hold_ttl_ms_max + 1)) == "invalid_ttl");
  CHECK(f.hold(1, hold_ttl_ms_max));
}

TEST_CASE("ledger: an account has at most ten thousand open holds") {
  LedgerFixture f;
  for (std::size_t i = 0; i < open_holds_max; ++i) REQUIRE(f.hold(0));
  const auto refused = f.hold(0);
  CHECK(refusal(refused) == "too_many_holds");
  CHECK(refused.error().code == Errc::rate_limited);
}

TEST_CASE("ledger: a hold settled for less returns the rest") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(60));
  const Hold hold = *f.settle(1, 25);
  CHECK(hold.status == HoldStatus::settled);
  CHECK(hold.settled == credits(25));
  CHECK(hold.entry == 2);
  CHECK(f.entries.back().hold == 1);
  CHECK(f.balance() == 75);
  CHECK(f.available() == 75);
}

TEST_CASE("ledger: a hold settled for nothing posts no entry") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(60));
  CHECK(f.settle(1, 0)->entry == 0);
  CHECK(f.available() == 100);
  CHECK(f.entries.size() == 1);
}

TEST_CASE("ledger: a hold settles for more only if that is affordable, else nothing changes") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(60));
  REQUIRE(f.hold(20));
  const std::string before = encode(f.state);
  CHECK(f.settle(1, 81).error().code == Errc::insufficient_credits);
  CHECK(encode(f.state) == before);
  CHECK(f.state.holds.size() == 2);
  CHECK(f.settle(1, 80));
  CHECK(f.balance() == 20);
  CHECK(f.available() == 0);
}

TEST_CASE("ledger: settling for more may use the overdraft") {
  LedgerFixture f;
  f.terms.overdraft_limit = credits(30);
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(100));
  CHECK(refusal(f.settle(1, 131)) == "insufficient_credits");
  CHECK(f.settle(1, 130));
  CHECK(f.debt() == 30);
}

TEST_CASE("ledger: what was reserved is always debited, even if the account is in debt since") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(60));
  REQUIRE(f.debit(150));
  CHECK(f.settle(1, 60));
  CHECK(f.balance() == -110);
}

TEST_CASE("ledger: a hold is resolved once") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  for (int i = 0; i < 3; ++i) REQUIRE(f.hold(10));
  CHECK(f.settle(1, 5));
  CHECK(f.release(2)->status == HoldStatus::released);
  f.now = f.now + minute_ms;
  for (const std::uint64_t number : {0, 1, 2, 3, 4}) {
    CHECK(refusal(f.settle(number, 5)) == "not_found");
    CHECK(refusal(f.release(number)) == "not_found");
  }
  CHECK(f.holds.at(3).status == HoldStatus::expired);
  CHECK(f.reserved() == 0);
  CHECK(f.balance() == 95);
}

TEST_CASE("ledger: a settlement of a negative amount is refused and the hold stays open") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(10));
  CHECK(refusal(f.settle(1, -1)) == "invalid_amount");
  CHECK(f.state.holds.size() == 1);
}

TEST_CASE("ledger: a hold that expired while nothing ran is resolved at its own time") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.hold(60, hour_ms));
  const UtcTime due = f.now + hour_ms;
  CHECK(f.state.due_at == due);
  f.now = f.now + 3 * day_ms;
  CHECK(f.hold(100));
  CHECK(f.holds.at(1).status == HoldStatus::expired);
  CHECK(f.holds.at(1).resolved_at == due);
}

TEST_CASE("ledger: reserved credits do not expire under a live hold, and pay for it") {
  LedgerFixture f;
  REQUIRE(f.grant(100, f.now + hour_ms));
  REQUIRE(f.hold(60, day_ms));
  f.now = f.now + 2 * hour_ms;
  CHECK(refusal(f.hold(1)) == "insufficient_credits");
  CHECK(f.balance() == 60);  // 40 left, 60 wait for the hold
  CHECK(f.available() == 0);
  REQUIRE(f.settle(1, 50));
  CHECK(f.count(EntryType::expiry) == 2);
  CHECK(f.entries[2].type == EntryType::debit);
  CHECK(f.entries[2].lots == shares({{1, -50}}));
  CHECK(f.entries[3].type == EntryType::expiry);
  CHECK(f.entries[3].amount == credits(-10));
  CHECK(f.balance() == 0);
}

TEST_CASE("ledger: expired credits that a hold keeps pay for nothing else") {
  LedgerFixture f;
  REQUIRE(f.grant(100, f.now + hour_ms));
  REQUIRE(f.hold(100, day_ms));
  f.now = f.now + 2 * hour_ms;
  REQUIRE(f.debit(30));
  CHECK(f.debt() == 30);
  CHECK(f.left(1) == 100);
}

TEST_CASE("ledger: what a settlement takes beyond its hold is not paid by credits kept for other holds") {
  LedgerFixture f;
  f.terms.overdraft_limit = credits(50);
  REQUIRE(f.grant(100, f.now + hour_ms));
  REQUIRE(f.hold(60, day_ms));
  REQUIRE(f.hold(40, day_ms));
  f.now = f.now + 2 * hour_ms;
  REQUIRE(f.settle(1, 70));
  CHECK(f.left(1) == 40);
  CHECK(f.debt() == 10);
  REQUIRE(f.settle(2, 40));
  CHECK(f.balance() == -10);
}

TEST_CASE("ledger: expired credits leave as soon as the hold is gone or newer credits cover it") {
  LedgerFixture f;
  REQUIRE(f.grant(100, f.now + hour_ms));
  REQUIRE(f.hold(60, 2 * day_ms));
  f.now = f.now + 2 * hour_ms;
  SUBCASE("released") {
    REQUIRE(f.release(1));
    CHECK(f.balance() == 0);
  }
  SUBCASE("expired") {
    f.now = f.now + 3 * day_ms;
    f.run([](Ledger&) { return true; });
    CHECK(f.balance() == 0);
    CHECK(f.entries.back().created_at == f.holds.at(1).expires_at);
  }
  SUBCASE("covered by a grant") {
    REQUIRE(f.grant(45));
    CHECK(f.left(1) == 15);
    CHECK(f.balance() == 60);
  }
}

TEST_CASE("ledger: of expired credits that holds need, those that expired last stay") {
  LedgerFixture f;
  REQUIRE(f.grant(50, f.now + 2 * hour_ms));
  REQUIRE(f.grant(50, f.now + hour_ms));
  REQUIRE(f.hold(70, day_ms));
  f.now = f.now + 3 * hour_ms;
  f.run([](Ledger&) { return true; });
  CHECK(f.left(1) == 50);
  CHECK(f.left(2) == 20);
}

}  // namespace ledger_holds_test

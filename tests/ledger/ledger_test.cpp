#include "core/ledger.h"

#include <doctest/doctest.h>

#include <limits>

#include "core/manual.h"
#include "tests/core/garbage.h"
#include "tests/ledger/ledger_fixture.h"

using namespace tally;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

std::vector<LotShare> shares(std::initializer_list<std::pair<std::uint64_t, std::int64_t>> list) {
  std::vector<LotShare> all;
  for (const auto& [lot, micros] : list) all.push_back({lot, credits(micros)});
  return all;
}

}  // namespace

// --- Grants and adjustments

TEST_CASE("ledger: a grant is a lot, an entry and a balance") {
  LedgerFixture f;
  const Lot lot = *f.grant({.amount = credits(500), .reference = "INV-1", .description = "May", .metadata = "{}"});
  CHECK(lot.number == 1);
  CHECK(lot.purchased_at == f.now);
  CHECK(f.balance() == 500);
  CHECK(f.available() == 500);
  const LedgerEntry& entry = f.entries.at(0);
  CHECK(entry.seq == 1);
  CHECK(entry.type == EntryType::grant);
  CHECK(entry.amount == credits(500));
  CHECK(entry.balance_after == credits(500));
  CHECK(entry.lots == shares({{1, 500}}));
  CHECK(entry.reference == "INV-1");
  CHECK(entry.description == "May");
  CHECK(entry.metadata == "{}");
}

TEST_CASE("ledger: a grant lasts twelve calendar months after its purchase, month-end safe") {
  LedgerFixture f;
  const auto lasts = [&](const char* purchased_at) {
    return f.grant({.amount = credits(1), .purchased_at = at(purchased_at)})->expires_at->to_string();
  };
  f.now = at("2024-03-01T00:00:00Z");
  CHECK(lasts("2024-01-31T10:00:00Z") == "2025-01-31T10:00:00Z");
  CHECK(lasts("2024-02-29T10:00:00Z") == "2025-02-28T10:00:00Z");
  CHECK(lasts("2023-03-02T00:00:00Z") == "2024-03-02T00:00:00Z");
}

TEST_CASE("ledger: a grant may never expire") {
  LedgerFixture f;
  CHECK_FALSE(f.grant({.amount = credits(10), .never_expires = true})->expires_at);
  f.wait_until("2126-05-10");
  CHECK(f.balance() == 10);
}

TEST_CASE("ledger: a grant that breaks a rule changes nothing") {
  LedgerFixture f;
  Grant good;
  good.amount = credits(1);
  const auto refused = [&](const Grant& grant) { return refusal(f.grant(grant)); };
  Grant bad = good;
  bad.amount = credits(0);
  CHECK(refused(bad) == "invalid_amount");
  bad.amount = credits(-1);
  CHECK(refused(bad) == "invalid_amount");
  bad = good;
  bad.purchased_at = f.now + 1;
  CHECK(refused(bad) == "invalid_purchased_at");
  bad = good;
  bad.expires_at = f.now;
  CHECK(refused(bad) == "invalid_expires_at");
  bad = good;
  bad.purchased_at = at("2025-05-10T12:00:00Z");  // twelve months later is now
  CHECK(refused(bad) == "invalid_expires_at");
  bad = good;
  bad.reference = std::string(ledger_reference_bytes_max + 1, 'x');
  CHECK(refused(bad) == "text_too_long");
  bad = good;
  bad.description = std::string(ledger_description_bytes_max + 1, 'x');
  CHECK(refused(bad) == "text_too_long");
  bad = good;
  bad.metadata = std::string(ledger_metadata_bytes_max + 1, 'x');
  CHECK(refused(bad) == "text_too_long");
  CHECK(f.entries.empty());
  CHECK(f.state.last_lot == 0);
  CHECK(f.balance() == 0);
}

TEST_CASE("ledger: texts of exactly the greatest length are kept") {
  LedgerFixture f;
  CHECK(f.grant({.amount = credits(1),
                 .reference = std::string(ledger_reference_bytes_max, 'x'),
                 .description = std::string(ledger_description_bytes_max, 'x'),
                 .metadata = std::string(ledger_metadata_bytes_max, 'x')}));
}

TEST_CASE("ledger: an account has at most a thousand open lots, and room again when one is empty") {
  LedgerFixture f;
  for (std::size_t i = 0; i < open_lots_max; ++i) REQUIRE(f.grant(1));
  const auto refused = f.grant(1);
  CHECK(refusal(refused) == "too_many_lots");
  CHECK(refused.error().code == Errc::conflict);
  CHECK(refusal(f.adjust(1)) == "too_many_lots");
  CHECK(f.debit(1));
  CHECK(f.grant(1));
}

TEST_CASE("ledger: an adjustment upwards never expires, one downwards burns as a debit does") {
  LedgerFixture f;
  CHECK(f.adjust(100));
  CHECK_FALSE(f.lots.at(1).expires_at);
  CHECK(f.lots.at(1).origin == LotOrigin::adjustment);
  CHECK(f.adjust(-130));
  CHECK(f.balance() == -30);
  CHECK(f.debt() == 30);
  CHECK(f.entries.back().type == EntryType::adjustment);
  CHECK(f.entries.back().lots == shares({{1, -100}}));
}

TEST_CASE("ledger: an adjustment of nothing, or with too long a text, is refused") {
  LedgerFixture f;
  CHECK(refusal(f.adjust(0)) == "invalid_amount");
  const auto long_text = [&](std::string description, std::string reference) {
    return refusal(f.run([&](Ledger& l) { return l.adjust(credits(1), description, reference); }));
  };
  CHECK(long_text(std::string(ledger_description_bytes_max + 1, 'x'), "") == "text_too_long");
  CHECK(long_text("", std::string(ledger_reference_bytes_max + 1, 'x')) == "text_too_long");
  CHECK(f.entries.empty());
}

// --- Burning and debt

TEST_CASE("ledger: lots burn by priority, then expiry, then purchase, then number") {
  LedgerFixture f;
  const UtcTime soon = f.now + day_ms;
  const UtcTime later = f.now + 2 * day_ms;
  REQUIRE(f.grant({.amount = credits(1), .never_expires = true}));                           // 1: last of all
  REQUIRE(f.grant({.amount = credits(1), .expires_at = later}));                             // 2
  REQUIRE(f.grant({.amount = credits(1), .expires_at = soon}));                              // 3
  REQUIRE(f.grant({.amount = credits(1), .purchased_at = f.now - 1, .expires_at = later}));  // 4: before 2
  REQUIRE(f.grant({.amount = credits(1), .expires_at = later}));                             // 5: after 2
  REQUIRE(f.grant({.amount = credits(1), .never_expires = true, .priority = -1}));           // 6: first
  REQUIRE(f.grant({.amount = credits(1), .expires_at = soon, .priority = 1}));               // 7: after 1
  REQUIRE(f.debit(7));
  CHECK(f.entries.back().lots == shares({{6, -1}, {3, -1}, {4, -1}, {2, -1}, {5, -1}, {1, -1}, {7, -1}}));
  CHECK(f.state.lots.empty());
}

TEST_CASE("ledger: an expired lot never pays") {
  LedgerFixture f;
  REQUIRE(f.grant(100, f.now + hour_ms));
  f.now = f.now + hour_ms;
  REQUIRE(f.debit(30));
  CHECK(f.balance() == -30);
  CHECK(f.entries.back().lots.empty());
}

TEST_CASE("ledger: what expires leaves by an entry of the time it was due") {
  LedgerFixture f;
  const UtcTime expiry = f.now + hour_ms;
  REQUIRE(f.grant(100, expiry));
  REQUIRE(f.debit(30));
  f.now = f.now + 30 * day_ms;
  REQUIRE(f.debit(5));
  REQUIRE(f.entries.size() == 4);
  CHECK(f.entries[2].type == EntryType::expiry);
  CHECK(f.entries[2].amount == credits(-70));
  CHECK(f.entries[2].created_at == expiry);
  CHECK(f.entries[2].lots == shares({{1, -70}}));
  CHECK(f.balance() == -5);
}

TEST_CASE("ledger: an expiry in a leap year's February comes at its month's end") {
  LedgerFixture f;
  f.now = at("2023-02-28T23:59:59Z");
  REQUIRE(f.grant({.amount = credits(1), .purchased_at = at("2023-02-28T12:00:00Z")}));
  CHECK(f.state.due_at == at("2024-02-21T12:00:00Z"));  // the notice, a week before
  f.wait_until("2024-02-28T11:59:59.999Z");
  CHECK(f.balance() == 1);
  f.wait_until("2024-02-28T12:00:00Z");
  CHECK(f.balance() == 0);
}

TEST_CASE("ledger: usage that happened is always recorded; what no lot covers is debt") {
  LedgerFixture f;
  REQUIRE(f.grant(10));
  REQUIRE(f.debit(25));
  CHECK(f.balance() == -15);
  CHECK(f.debt() == 15);
  CHECK(f.available() == 0);
}

TEST_CASE("ledger: the next grant pays the debt first") {
  LedgerFixture f;
  REQUIRE(f.debit(15));
  REQUIRE(f.grant(10));
  CHECK(f.debt() == 5);
  CHECK(f.left(1) == 0);
  CHECK(f.entries.back().lots == shares({{1, 0}}));
  REQUIRE(f.grant(10));
  CHECK(f.debt() == 0);
  CHECK(f.left(2) == 5);
  CHECK(f.balance() == 5);
}

TEST_CASE("ledger: a debit of nothing posts nothing, a negative one is refused") {
  LedgerFixture f;
  CHECK(*f.debit(0) == 0);
  CHECK(refusal(f.debit(-1)) == "invalid_amount");
  CHECK(f.entries.empty());
}

TEST_CASE("ledger: a debit names its event, endpoint and price version") {
  LedgerFixture f;
  const Debit debit{credits(3), "search", "gateway", "e-1", 7, "a search", "r"};
  CHECK(*f.run([&](Ledger& l) { return l.debit(debit); }) == 1);
  const LedgerEntry& entry = f.entries.at(0);
  CHECK(entry.endpoint == "search");
  CHECK(entry.event_source == "gateway");
  CHECK(entry.event_id == "e-1");
  CHECK(entry.price_version == 7);
  CHECK(entry.description == "a search");
  CHECK(entry.reference == "r");
}

TEST_CASE("ledger: an unlimited account is not debited") {
  LedgerFixture f;
  f.terms.unlimited = true;
  CHECK(*f.debit(100) == 0);
  CHECK(f.entries.empty());
  const Hold hold = *f.hold(100);
  CHECK(hold.reserved == Credits());
  CHECK(f.settle(hold.number, 250));
  CHECK(f.holds.at(1).settled == credits(250));
  CHECK(f.holds.at(1).entry == 0);
  CHECK(f.entries.empty());
}

// --- Holds

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

// --- Allocations

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

// --- Reversals

TEST_CASE("ledger: a reversal gives back to the lots that paid") {
  LedgerFixture f;
  REQUIRE(f.grant(10, f.now + day_ms));
  REQUIRE(f.grant(100));
  REQUIRE(f.debit(30));
  REQUIRE(f.reverse(3));
  CHECK(f.left(1) == 10);
  CHECK(f.left(2) == 100);
  const LedgerEntry& entry = f.entries.back();
  CHECK(entry.type == EntryType::reversal);
  CHECK(entry.amount == credits(30));
  CHECK(entry.reverses == 3);
  CHECK(entry.lots == shares({{1, 10}, {2, 20}}));
  CHECK(entry.description == "a mistake");
}

TEST_CASE("ledger: a reversal gives nothing back for lots that expired since") {
  LedgerFixture f;
  REQUIRE(f.grant(10, f.now + hour_ms));
  REQUIRE(f.grant(100));
  REQUIRE(f.debit(30));
  f.now = f.now + hour_ms;
  REQUIRE(f.reverse(3));
  CHECK(f.balance() == 100);
  CHECK(f.entries.back().amount == credits(20));
  CHECK(f.entries.back().lots == shares({{2, 20}}));
}

TEST_CASE("ledger: a reversal of what is still owed takes the debt away") {
  LedgerFixture f;
  REQUIRE(f.debit(30));
  REQUIRE(f.reverse(1));
  CHECK(f.balance() == 0);
  CHECK(f.debt() == 0);
  CHECK(f.lots.empty());
}

TEST_CASE("ledger: a reversal of debt that was paid since becomes a lot of its own") {
  LedgerFixture f;
  REQUIRE(f.grant(10));
  REQUIRE(f.debit(30));
  REQUIRE(f.grant(25));
  REQUIRE(f.reverse(2));
  CHECK(f.balance() == 35);
  CHECK(f.left(1) == 10);
  CHECK(f.left(2) == 5);
  REQUIRE(f.lots.contains(3));
  CHECK(f.lots.at(3).origin == LotOrigin::reversal);
  CHECK(f.left(3) == 20);
  CHECK(f.lots.at(3).expires_at == add_months(f.now, grant_validity_months));
}

TEST_CASE("ledger: a reversal pays open debt before it fills lots") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.debit(100));
  REQUIRE(f.debit(40));
  REQUIRE(f.reverse(2));
  CHECK(f.debt() == 0);
  CHECK(f.left(1) == 60);
  CHECK(f.entries.back().lots == shares({{1, 60}}));
}

TEST_CASE("ledger: a reversal without the lots that paid is refused as corrupt") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.debit(30));
  const auto result = f.run([&](Ledger& l) { return l.reverse(f.entries[1], {}, ""); });
  CHECK(result.error().code == Errc::corrupt);
  CHECK(f.balance() == 70);
}

// --- Reloads

namespace {

LedgerFixture reloading(std::int64_t threshold, std::int64_t amount, std::optional<std::int64_t> cap = std::nullopt) {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  f.terms.reload = {true, credits(threshold), credits(amount), std::nullopt};
  if (cap) f.terms.reload.daily_cap = credits(*cap);
  return f;
}

Result<bool> pay(LedgerFixture& f, std::uint64_t number) {
  return f.run([&](Ledger& l) { return l.reload_paid(number, "pay-1"); });
}
bool decline(LedgerFixture& f, std::uint64_t number) {
  return f.run([&](Ledger& l) { return l.reload_declined(number); });
}

}  // namespace

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

// --- Notices

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

// --- The edges of amounts

TEST_CASE("ledger: what would leave the range of amounts is refused and changes nothing") {
  LedgerFixture f;
  REQUIRE(f.grant(most));
  const std::string before = encode(f.state);
  CHECK(refusal(f.grant(1)) == "amount_out_of_range");
  CHECK(refusal(f.adjust(1)) == "amount_out_of_range");
  CHECK(refusal(f.start_allocation(1)) == "amount_out_of_range");
  f.terms.monthly_allocation.reset();
  CHECK(encode(f.state) == before);
  REQUIRE(f.debit(most));
  CHECK(f.balance() == 0);
  REQUIRE(f.debit(most));
  CHECK(f.balance() == -most);
  CHECK(refusal(f.debit(1)) == "amount_out_of_range");
  CHECK(refusal(f.adjust(-1)) == "amount_out_of_range");
  CHECK(refusal(f.adjust(std::numeric_limits<std::int64_t>::min())) == "amount_out_of_range");
  CHECK(f.debt() == most);
  REQUIRE(f.grant(most));
  CHECK(f.balance() == 0);
}

TEST_CASE("ledger: a hold beyond the range of amounts is refused") {
  LedgerFixture f;
  f.terms.overdraft_limit = credits(most);
  REQUIRE(f.grant(most));
  REQUIRE(f.hold(most));
  CHECK(refusal(f.hold(1)) == "amount_out_of_range");
  CHECK(f.available() == 0);
  REQUIRE(f.settle(1, most));
  CHECK(f.balance() == 0);
}

TEST_CASE("ledger: an allocation that does not fit is left out, and the months go on") {
  LedgerFixture f;
  REQUIRE(f.grant({.amount = credits(most - 50), .never_expires = true}));
  REQUIRE(f.start_allocation(40));
  f.terms.monthly_allocation = credits(60);
  f.wait_until("2026-06-01");
  CHECK(f.balance() == most - 50);
  f.terms.monthly_allocation = credits(50);
  f.wait_until("2026-07-01");
  CHECK(f.balance() == most);
}

TEST_CASE("ledger: a reload that does not fit stays open and is granted when it does") {
  LedgerFixture f;
  f.terms.reload = {true, credits(10), credits(most), std::nullopt};
  REQUIRE(f.debit(1));
  REQUIRE(f.last.reload);
  REQUIRE(f.grant(2));
  CHECK(refusal(pay(f, 1)) == "amount_out_of_range");
  REQUIRE(f.debit(1));
  CHECK(*pay(f, 1));
  CHECK(f.balance() == most);
}

// --- Time and bytes

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

TEST_CASE("ledger: a state survives its bytes") {
  LedgerFixture f = reloading(1'000, 200, 5'000);
  REQUIRE(f.grant({.amount = credits(5), .never_expires = true, .priority = -3}));
  REQUIRE(f.start_allocation(7));
  REQUIRE(f.hold(20));
  REQUIRE(f.debit(1));
  const std::string bytes = encode(f.state);
  LedgerState read = *decode_ledger_state(bytes);
  CHECK(encode(read) == bytes);
  CHECK(read.in_lots == f.state.in_lots);
  CHECK(read.last_hash == f.state.last_hash);
  CHECK(read.due_at == f.state.due_at);
  CHECK(read.lots.size() == 3);
  CHECK(read.holds.empty());
  add_hold(read, f.holds.at(1));
  CHECK(read.hold_expiries == f.state.hold_expiries);
}

TEST_CASE("ledger: a lot and a hold survive their bytes") {
  LedgerFixture f;
  REQUIRE(f.grant(
      {.amount = credits(5), .expires_at = at("2030-01-01"), .priority = -3, .reference = "r", .metadata = "{}"}));
  const Lot lot = *decode_lot(encode(f.lots.at(1)));
  CHECK(encode(lot) == encode(f.lots.at(1)));
  CHECK(lot.priority == -3);
  CHECK(lot.expires_at == at("2030-01-01"));
  REQUIRE(f.run([](Ledger& l) { return l.hold({credits(5), 60'000, "search", 9}); }));
  REQUIRE(f.run([](Ledger& l) { return l.settle(1, {.amount = credits(4), .event_source = "s", .event_id = "e"}); }));
  const Hold hold = *decode_hold(encode(f.holds.at(1)));
  CHECK(encode(hold) == encode(f.holds.at(1)));
  CHECK(hold.status == HoldStatus::settled);
  CHECK(hold.settled == credits(4));
  CHECK(hold.endpoint == "search");
  CHECK(hold.event_id == "e");
}

TEST_CASE("ledger: bytes that no ledger wrote are refused or harmless") {
  LedgerFixture f = reloading(1'000, 200, 5'000);
  REQUIRE(f.grant({.amount = credits(5), .never_expires = true}));
  REQUIRE(f.hold(20));
  SeededRandom random(3);
  CHECK(refuses_prefixes_and_survives_noise(encode(f.state), random, [](const std::string& bytes) {
    const auto state = decode_ledger_state(bytes);
    if (state) CHECK(state->debt() >= Credits());
    return state.has_value();
  }));
  CHECK(refuses_prefixes_and_survives_noise(encode(f.lots.at(1)), random,
                                            [](const std::string& bytes) { return decode_lot(bytes).has_value(); }));
  CHECK(refuses_prefixes_and_survives_noise(encode(f.holds.at(1)), random,
                                            [](const std::string& bytes) { return decode_hold(bytes).has_value(); }));
}

TEST_CASE("ledger: a state whose lots and balance cannot both be true is refused") {
  LedgerState state;
  state.balance = credits(5);  // more than no lot holds
  CHECK(decode_ledger_state(encode(state)).error().code == Errc::corrupt);
  state.balance = Credits();
  state.reserved = credits(-1);
  CHECK(decode_ledger_state(encode(state)).error().code == Errc::corrupt);
}

TEST_CASE("ledger: words of origins and hold states are stable") {
  CHECK(to_string(LotOrigin::grant) == "grant");
  CHECK(to_string(LotOrigin::allocation) == "allocation");
  CHECK(to_string(LotOrigin::rollover) == "rollover");
  CHECK(to_string(LotOrigin::reload) == "reload");
  CHECK(to_string(LotOrigin::adjustment) == "adjustment");
  CHECK(to_string(LotOrigin::reversal) == "reversal");
  CHECK(to_string(HoldStatus::open) == "open");
  CHECK(to_string(HoldStatus::settled) == "settled");
  CHECK(to_string(HoldStatus::released) == "released");
  CHECK(to_string(HoldStatus::expired) == "expired");
}

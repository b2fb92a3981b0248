#include "core/ledger.h"

#include <doctest/doctest.h>

#include <limits>

#include "core/manual.h"
#include "tests/ledger/ledger_fixture.h"

namespace ledger_test {

using namespace tally;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

}  // namespace

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

}  // namespace ledger_test

#include "core/statement.h"

#include "core/manual.h"
#include "tests/ledger/ledger_fixture.h"

namespace statement_test {

using namespace tally;

namespace {

LedgerFigures period_of(const LedgerFixture& f, std::size_t first, std::size_t end) {
  Credits debt;
  for (std::size_t i = 0; i < first; ++i) debt = add_saturating(debt, debt_change(figures_of(f.entries[i])));
  LedgerPeriod period(first == 0 ? Credits() : f.entries[first - 1].balance_after, debt);
  for (std::size_t i = first; i < end; ++i) period.add(figures_of(f.entries[i]));
  return period.figures();
}

std::int64_t closing_by_the_rule(const LedgerFigures& p) {
  return p.opening.micros() + p.granted.micros() - p.consumed.micros() - p.expired.micros() + p.adjusted.micros();
}

}  // namespace

TEST_CASE("statement: each kind of entry is counted under its word") {
  LedgerFixture f;
  REQUIRE(f.grant(100, at("2026-06-01T00:00:00Z")));
  REQUIRE(f.debit(30));
  REQUIRE(f.adjust(7));
  REQUIRE(f.adjust(-2));
  REQUIRE(f.reverse(2));
  REQUIRE(f.debit(40));
  f.wait_until("2026-06-02T00:00:00Z");
  const LedgerFigures p = period_of(f, 0, f.entries.size());
  CHECK(p.opening.micros() == 0);
  CHECK(p.granted.micros() == 100);
  CHECK(p.consumed.micros() == 40);  // 30 was given back
  CHECK(p.adjusted.micros() == 5);
  CHECK(p.expired.micros() == 100 - 2 - 40);
  CHECK(p.closing.micros() == f.balance());
  CHECK(p.closing.micros() == closing_by_the_rule(p));
  CHECK(p.debt.micros() == 0);
}

TEST_CASE("statement: usage that no lot covered is debt until something comes in") {
  LedgerFixture f;
  REQUIRE(f.grant(10));
  REQUIRE(f.debit(25));
  const LedgerFigures owing = period_of(f, 0, 2);
  CHECK(owing.closing.micros() == -15);
  CHECK(owing.debt.micros() == 15);
  REQUIRE(f.grant(20));
  const LedgerFigures paid = period_of(f, 2, 3);
  CHECK(paid.opening.micros() == -15);
  CHECK(paid.closing.micros() == 5);
  CHECK(paid.debt.micros() == 0);
}

TEST_CASE("statement: a period opens behind the entries that were passed, as if it had begun there") {
  LedgerFixture f;
  REQUIRE(f.grant(10));
  REQUIRE(f.debit(25));
  REQUIRE(f.grant(20));
  REQUIRE(f.debit(3));
  for (std::size_t first = 0; first <= f.entries.size(); ++first) {
    LedgerPeriod period{Credits(), Credits()};
    for (std::size_t i = 0; i < f.entries.size(); ++i) {
      const EntryFigures entry = figures_of(f.entries[i]);
      i < first ? period.pass(entry) : period.add(entry);
    }
    CHECK(period.figures() == period_of(f, first, f.entries.size()));
  }
}

TEST_CASE("statement: without entries a period closes as it opened") {
  const LedgerPeriod period(credits(-5), credits(9));
  CHECK(period.figures().opening.micros() == -5);
  CHECK(period.figures().closing.micros() == -5);
  CHECK(period.figures().debt.micros() == 9);
}

TEST_CASE("statement: wherever a history is cut, each part adds up and opens as the one before closed") {
  SeededRandom random(11);
  LedgerFixture f;
  for (int i = 0; i < 300; ++i) {
    const auto micros = static_cast<std::int64_t>(1 + random.below(500));
    switch (random.below(7)) {
      case 0:
      case 1:
        (void)f.grant(micros, f.now + static_cast<std::int64_t>(1 + random.below(20)) * day_ms);
        break;
      case 2:
      case 3:
        (void)f.debit(micros);
        break;
      case 4:
        (void)f.adjust(random.below(2) == 0 ? micros : -micros);
        break;
      case 5:
        if (const auto hold = f.hold(micros, day_ms); hold && random.below(2) == 0)
          (void)f.settle(hold->number, micros);
        break;
      default:
        f.now = f.now + static_cast<std::int64_t>(random.below(5)) * day_ms;
    }
  }
  std::size_t first = 0;
  LedgerFigures before;
  LedgerFigures sum;
  while (first < f.entries.size()) {
    const std::size_t end = std::min<std::size_t>(f.entries.size(), first + random.below(9));
    const LedgerFigures p = period_of(f, first, end);
    CHECK(p.closing.micros() == closing_by_the_rule(p));
    CHECK(p.opening == before.closing);
    sum += p;
    before = p;
    first = end;
  }
  CHECK(before.closing.micros() == f.balance());
  CHECK(before.debt.micros() == f.debt());
  CHECK(sum.granted.micros() - sum.consumed.micros() - sum.expired.micros() + sum.adjusted.micros() == f.balance());
}

}  // namespace statement_test

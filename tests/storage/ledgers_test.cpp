#include "tests/storage/ledgers_house.h"

namespace ledgers_test {

using namespace tally;
using namespace tally::storage_test;

namespace {

std::vector<std::uint64_t> seqs_from(const Ledgers& ledgers, std::uint64_t from, std::size_t limit) {
  std::vector<std::uint64_t> seqs;
  REQUIRE(ledgers.scan_entries(acme, from, [&](const LedgerEntry& entry) {
    seqs.push_back(entry.seq);
    return seqs.size() < limit;
  }));
  return seqs;
}

std::vector<std::uint64_t> seqs_before(const Ledgers& ledgers, std::uint64_t before, std::size_t limit) {
  std::vector<std::uint64_t> seqs;
  REQUIRE(ledgers.scan_entries_back(acme, before, [&](const LedgerEntry& entry) {
    seqs.push_back(entry.seq);
    return seqs.size() < limit;
  }));
  return seqs;
}

}  // namespace

TEST_CASE("ledgers: an account that nothing happened to has an empty state") {
  House house;
  const LedgerState state = house.read(acme);
  CHECK(state.last_entry == 0);
  CHECK(state.balance == Credits());
  CHECK(house.entries(acme).empty());
  CHECK(house.ledgers->entry(acme, 1).error().code == Errc::not_found);
  CHECK(house.ledgers->lot(acme, 1).error().code == Errc::not_found);
  CHECK(house.ledgers->hold(acme, 1).error().code == Errc::not_found);
}

TEST_CASE("ledgers: states, entries, lots and holds survive a restart, written behind or not") {
  House house;
  house.grant(acme, 100);
  house.debit(acme, 3);
  REQUIRE(house.change(acme, [](Ledger& l) {
    REQUIRE(l.hold({credits(10), hour_ms, "search", 1}));
    REQUIRE(l.hold({credits(20), hour_ms, "search", 1}));
  }));
  SUBCASE("not written") {}
  SUBCASE("written") {
    house.write_rows();
  }
  SUBCASE("written in part") {
    house.write_rows();
    house.debit(acme, 2);
  }
  const auto open_holds = [&](std::uint64_t from, std::size_t limit) {
    std::vector<std::uint64_t> numbers;
    for (const Hold& hold : *house.ledgers->open_holds(acme, from, limit)) numbers.push_back(hold.number);
    return numbers;
  };
  using Numbers = std::vector<std::uint64_t>;
  CHECK(open_holds(1, 10) == Numbers{1, 2});
  CHECK(open_holds(1, 1) == Numbers{1});
  CHECK(open_holds(2, 10) == Numbers{2});
  REQUIRE(house.change(acme, [](Ledger& l) { REQUIRE(l.release(2)); }));
  CHECK(open_holds(1, 10) == Numbers{1});
  const std::string before = encode(house.read(acme));
  const auto entries = house.entries(acme);
  house.restart();
  CHECK(encode(house.read(acme)) == before);
  CHECK(house.entries(acme) == entries);
  CHECK(house.ledgers->lot(acme, 1)->amount == credits(100));
  CHECK(open_holds(1, 10) == Numbers{1});
  CHECK(house.ledgers->hold(acme, 1)->status == HoldStatus::open);
  CHECK(house.ledgers->hold(acme, 2)->status == HoldStatus::released);
  REQUIRE(house.change(acme, [](Ledger& l) {
    CHECK(l.release(2).error().code == Errc::not_found);
    CHECK(l.settle(1, {credits(4), "", "", "", 0, "", ""}));
  }));
  CHECK(open_holds(1, 10).empty());
  CHECK(house.read(acme).reserved == Credits());
  CHECK(house.audit(acme) == "good");
}

TEST_CASE("ledgers: what was posted and not committed is gone after a crash") {
  House house;
  house.grant(acme, 100);
  house.ledgers->post(
      acme,
      [](Ledger& l) {
        REQUIRE(l.debit({credits(1), "", "", "", 0, "", ""}));
      },
      nullptr);
  house.restart();
  CHECK(house.read(acme).balance == credits(100));
  CHECK(house.audit(acme) == "good");
}

TEST_CASE("ledgers: commands on their way see each other's effects") {
  House house;
  house.grant(acme, 100);
  std::vector<std::string> answers;
  const auto hold = [&](std::int64_t micros) {
    house.ledgers->post(
        acme,
        [&, micros](Ledger& l) {
          const auto made = l.hold({credits(micros), hour_ms, "", 0});
          answers.emplace_back(made ? "held" : to_string(made.error().code));
        },
        nullptr);
  };
  hold(60);
  hold(60);
  REQUIRE(house.writer->run_shards());  // decided, not committed
  hold(40);
  hold(1);
  REQUIRE(house.writer->run_shards());
  CHECK(answers == std::vector<std::string>{"held", "insufficient_credits", "held", "insufficient_credits"});
  house.settle();
  CHECK(house.read(acme).reserved == credits(100));
}

TEST_CASE("ledgers: a reader sees nothing of what is not committed") {
  House house;
  house.grant(acme, 100);
  house.ledgers->post(
      acme,
      [](Ledger& l) {
        REQUIRE(l.debit({credits(30), "", "", "", 0, "", ""}));
      },
      nullptr);
  REQUIRE(house.writer->run_shards());
  std::optional<Credits> seen;
  house.ledgers->read(acme, [&](const Result<LedgerState>& state) { seen = state->balance; });
  CHECK(seen == credits(100));
  CHECK(house.entries(acme).size() == 1);
  house.settle();
  CHECK(house.read(acme).balance == credits(70));
}

TEST_CASE("ledgers: a read sees what time changed, and it is committed") {
  House house;
  house.grant(acme, 100, house.clock.now() + hour_ms);
  house.clock.advance_ms(2 * hour_ms);
  CHECK(house.read(acme).balance == Credits());
  CHECK(house.entries(acme).size() == 2);
  house.restart();
  CHECK(house.entries(acme).back().type == EntryType::expiry);
  CHECK(house.audit(acme) == "good");
}

TEST_CASE("ledgers: a tick brings accounts up to date for which something is due, also after a restart") {
  House house;
  const AccountId other("other");
  house.grant(acme, 100, house.clock.now() + 30 * day_ms);
  house.grant(other, 100, house.clock.now() + 60 * day_ms);
  SUBCASE("running") {}
  SUBCASE("restarted") {
    house.restart();
  }
  SUBCASE("written and restarted") {
    house.write_rows();
    house.restart();
  }
  house.clock.advance_ms(31 * day_ms);
  house.tick();
  CHECK(house.entries(acme).size() == 2);
  CHECK(house.entries(other).size() == 1);
  house.clock.advance_ms(31 * day_ms);
  house.tick();
  CHECK(house.entries(acme).size() == 2);
  CHECK(house.entries(other).size() == 2);
}

TEST_CASE("ledgers: one tick brings no more accounts up to date than it may, the next ones go on") {
  LedgersOptions options;
  options.due_at_once_max = 3;
  House house(options);
  for (int i = 0; i < 7; ++i) house.grant(AccountId("a" + std::to_string(i)), 100, house.clock.now() + 30 * day_ms + i);
  house.clock.advance_ms(31 * day_ms);
  const auto expired = [&] {
    int count = 0;
    for (int i = 0; i < 7; ++i) count += house.entries(AccountId("a" + std::to_string(i))).size() == 2 ? 1 : 0;
    return count;
  };
  house.tick();
  CHECK(expired() == 3);
  house.tick();
  CHECK(expired() == 6);
  house.tick();
  CHECK(expired() == 7);
}

TEST_CASE("ledgers: allocations are granted by ticks, each month once, also after months of downtime") {
  House house;
  Account account;
  account.id = acme;
  account.subscription.monthly_allocation = credits(100);
  house.accounts[acme] = account;
  REQUIRE(house.change(acme, [](Ledger& l) { REQUIRE(l.start_allocation(credits(100))); }));
  house.restart();
  house.clock.set(*UtcTime::parse("2026-09-15"));
  house.tick();
  house.tick();
  CHECK(house.read(acme).balance == credits(100));
  CHECK(house.entries(acme).size() == 9);  // 5 grants, 4 expiries
  CHECK(house.audit(acme) == "good");
}

TEST_CASE("ledgers: entries are scanned from any seq and back from any seq, whatever rows they lie in") {
  House house;
  house.grant(acme, 1'000);
  house.debit(acme, 4);   // 2..5
  house.debit(acme);      // 6
  house.debit(acme, 10);  // 7..16
  SUBCASE("not written") {}
  SUBCASE("written") {
    house.write_rows();
  }
  SUBCASE("written in part") {
    house.write_rows();
    house.debit(acme, 3);  // 17..19
    house.debit(acme, 2);  // 20, 21
  }
  SUBCASE("after a restart") {
    house.restart();
  }
  const std::uint64_t last = house.read(acme).last_entry;
  for (std::uint64_t cursor = 0; cursor <= last + 2; ++cursor) {
    for (const std::size_t limit : {1u, 2u, 5u, 100u}) {
      std::vector<std::uint64_t> forwards;
      for (std::uint64_t seq = std::max<std::uint64_t>(cursor, 1); seq <= last && forwards.size() < limit; ++seq)
        forwards.push_back(seq);
      std::vector<std::uint64_t> backwards;
      for (std::uint64_t seq = cursor == 0 ? last : std::min(cursor - 1, last); seq > 0 && backwards.size() < limit;
           --seq) {
        backwards.push_back(seq);
      }
      CAPTURE(cursor);
      CAPTURE(limit);
      CHECK(seqs_from(*house.ledgers, cursor, limit) == forwards);
      CHECK(seqs_before(*house.ledgers, cursor, limit) == backwards);
    }
    const auto entry = house.ledgers->entry(acme, cursor);
    CHECK(entry.has_value() == (cursor >= 1 && cursor <= last));
    if (entry) CHECK(entry->seq == cursor);
  }
}

TEST_CASE("ledgers: lots come in order from any number, at most as many as asked for") {
  House house;
  for (int i = 0; i < 4; ++i) house.grant(acme, 10 + i);
  SUBCASE("not written") {}
  SUBCASE("written") {
    house.write_rows();
  }
  SUBCASE("written in part") {
    house.write_rows();
    house.grant(acme, 14);
  }
  const auto all = house.ledgers->lots(acme, 1, 100);
  REQUIRE(all);
  REQUIRE(all->size() >= 4);
  for (std::size_t i = 0; i < all->size(); ++i) CHECK((*all)[i].amount == credits(10 + static_cast<std::int64_t>(i)));
  const auto some = house.ledgers->lots(acme, 2, 2);
  REQUIRE(some);
  REQUIRE(some->size() == 2);
  CHECK((*some)[0].number == 2);
  CHECK((*some)[1].number == 3);
  CHECK(house.ledgers->lots(acme, 99, 2)->empty());
}

TEST_CASE("ledgers: the outbox is told of every change, in its commit, and of nothing else") {
  House house;
  std::size_t told = 0;
  house.ledgers->set_outbox([&](AccountTx& tx, const LedgerChanges& changes) {
    ++told;
    CHECK(changes.changed);
    tx.put(Table::delivery, "d" + std::to_string(told), "x");
  });
  house.grant(acme, 100);
  CHECK(told == 1);
  CHECK(house.store.get(Table::delivery, acme, "d1")->has_value());
  REQUIRE(house.change(acme, [](Ledger&) {}));
  CHECK(told == 1);
}

}  // namespace ledgers_test

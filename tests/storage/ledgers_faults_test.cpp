// Ledgers over full disks, doubtful commits and crashes.
#include "tests/storage/ledgers_house.h"

namespace ledgers_faults_test {

using namespace tally;
using namespace tally::storage_test;

TEST_CASE("ledgers: a nearly full disk refuses before anything is decided") {
  House house;
  house.grant(acme, 100);
  house.store.set_writable(false);
  bool asked = false;
  const auto refused = house.change(acme, [&](Ledger&) { asked = true; });
  CHECK(refused.error().code == Errc::exhausted);
  CHECK_FALSE(asked);
  house.store.set_writable(true);
  CHECK(house.read(acme).balance == credits(100));
  house.debit(acme);
  CHECK(house.read(acme).balance == credits(99));
  CHECK(house.audit(acme) == "good");
}

TEST_CASE("ledgers: a full disk hides no balance, though what is due waits") {
  House house;
  house.grant(acme, 100, house.clock.now() + hour_ms);
  house.store.set_writable(false);
  house.clock.advance_ms(2 * hour_ms);
  CHECK(house.read(acme).balance == credits(100));
  house.tick();
  house.store.set_writable(true);
  house.tick();
  CHECK(house.read(acme).balance == Credits());
}

TEST_CASE("ledgers: a commit whose outcome is unknown leaves all of a command or nothing of it") {
  for (const bool applied : {false, true}) {
    House house;
    house.grant(acme, 100);
    house.store.set_faults({.fail_before = applied ? 0u : 1'000u, .fail_after = applied ? 1'000u : 0u});
    const auto unknown = house.change(acme, [](Ledger& l) {
      REQUIRE(l.debit({credits(30), "", "", "", 0, "", ""}));
      REQUIRE(l.hold({credits(5), hour_ms, "", 0}));
    });
    CHECK(unknown.error().code == Errc::unavailable);
    CHECK(house.doubts == 1);
    house.store.set_faults({});
    house.store.kill();
    house.restart();
    const LedgerState state = house.read(acme);
    CHECK((state.balance == credits(100) || state.balance == credits(70)));
    CHECK(state.last_hold == (state.balance == credits(70) ? 1 : 0));
    CHECK(house.audit(acme) == "good");
  }
}

TEST_CASE("ledgers: of ever new accounts only those that are used or not in their rows yet stay in memory") {
  LedgersOptions options;
  options.cached_accounts_max = 160;
  House house(options);
  constexpr int behind = 3'200;  // as many are not in their rows yet
  for (int i = 0; i < 4 * behind; ++i) {
    house.grant(AccountId("a" + std::to_string(i)), 100);
    house.clock.advance_ms(1);
    if (i % 100 == 99) house.tick();
  }
  CHECK(options.tail.write_after_ms == 2'000);
  CHECK(house.ledgers->cached_accounts() < behind);
  CHECK(house.read(AccountId("a0")).balance == credits(100));
}

TEST_CASE("ledgers: whether states are kept in memory, and when the process dies, changes nothing") {
  const auto live = [](std::size_t cached_max, bool restarts) {
    LedgersOptions options;
    options.cached_accounts_max = cached_max;
    House house(options);
    SeededRandom dice(11);
    std::vector<AccountId> ids;
    for (int i = 0; i < 30; ++i) ids.emplace_back("a" + std::to_string(i));
    for (int step = 0; step < 1'500; ++step) {
      const AccountId id = ids[dice.below(ids.size())];
      const std::uint64_t what = dice.below(6);
      const Credits amount = credits(static_cast<std::int64_t>(1 + dice.below(50)));
      const std::uint64_t number = 1 + dice.below(10);
      house.ledgers->post(
          id,
          [=](Ledger& l) {
            Grant grant;
            grant.amount = amount;
            grant.expires_at = l.now() + static_cast<std::int64_t>(number) * day_ms;
            if (what == 0) (void)l.grant(grant);
            if (what == 1 || what == 2) (void)l.debit({amount, "", "", "", 0, "", ""});
            if (what == 3) (void)l.hold({amount, static_cast<std::int64_t>(number) * hour_ms, "", 0});
            if (what == 4) (void)l.settle(number, {amount, "", "", "", 0, "", ""});
            if (what == 5) (void)l.release(number);
          },
          nullptr);
      if (dice.below(8) == 0) house.settle();
      if (dice.below(40) == 0) house.clock.advance_ms(static_cast<std::int64_t>(dice.below(day_ms)));
      const bool rows = dice.below(50) == 0;
      const bool dies = dice.below(100) == 0;
      if (rows) house.tick();
      if (restarts && dies) {
        house.settle();
        house.restart();
      }
    }
    house.settle();
    std::string all;
    for (const AccountId& id : ids) {
      CHECK(house.audit(id) == "good");
      all += encode(house.read(id));
      for (const LedgerEntry& entry : house.entries(id)) all += to_hex(entry.hash);
    }
    return all;
  };
  const std::string expected = live(65'536, false);
  CHECK(live(0, false) == expected);
  CHECK(live(16 * 4, false) == expected);
  CHECK(live(65'536, true) == expected);
  CHECK(live(0, true) == expected);
}

TEST_CASE("ledgers: power losses at any commit leave whole ledgers") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    House house;
    SeededRandom dice(seed);
    std::map<AccountId, Credits> least;  // what was acknowledged
    for (int step = 0; step < 200; ++step) {
      const AccountId id("a" + std::to_string(dice.below(3)));
      const Credits amount = credits(static_cast<std::int64_t>(1 + dice.below(50)));
      house.store.set_faults({.fail_before = 10, .fail_after = 10});
      const auto granted = house.change(id, [&](Ledger& l) {
        Grant grant;
        grant.amount = amount;
        REQUIRE(l.grant(grant));
      });
      if (granted) least[id] = *add(least[id], amount);
      if (dice.below(20) == 0) house.tick();
      house.store.set_faults({});
      if (house.store.doubtful() || dice.below(30) == 0) {
        if (dice.below(2) == 0) {
          house.store.crash();
        } else {
          house.store.kill();
        }
        house.restart();
      }
    }
    for (const auto& [id, balance] : least) {
      CHECK(house.read(id).balance >= balance);
      CHECK(house.audit(id) == "good");
    }
  }
}

}  // namespace ledgers_faults_test

#include "core/ledger_audit.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/ledger/ledger_fixture.h"

namespace ledger_audit_test {

using namespace tally;

namespace {

// Grants, debits, holds, debt, an expiry, reversals, an adjustment.
LedgerFixture history() {
  LedgerFixture f;
  REQUIRE(
      f.grant({.amount = credits(100), .expires_at = f.now + day_ms, .reference = "INV-1", .description = "first"}));
  REQUIRE(f.grant({.amount = credits(50), .never_expires = true}));
  const auto usage = [&](std::int64_t micros, const char* id) {
    REQUIRE(f.run([&](Ledger& l) { return l.debit({credits(micros), "search", "gateway", id, 1, "", ""}); }));
  };
  usage(30, "e-1");  // 3
  REQUIRE(f.hold(40));
  REQUIRE(f.settle(1, 20));  // 4
  REQUIRE(f.hold(10, 7 * day_ms));
  f.now = f.now + 2 * day_ms;
  usage(70, "e-2");       // 6, after the expiry of lot 1; leaves debt
  REQUIRE(f.reverse(3));  // 7
  REQUIRE(f.adjust(60));  // 8
  usage(5, "e-3");        // 9
  REQUIRE(f.reverse(6));  // 10, opens a lot
  REQUIRE(f.adjust(-2));  // 11
  return f;
}

struct Verdict {
  std::string rule = "ok";
  std::optional<std::uint64_t> entry;
  std::string detail;
};

Verdict audit(const LedgerFixture& f) {
  LedgerAudit audit(f.account, storage::sha256);
  Result<void> last;
  for (const auto& [number, lot] : f.lots) last = audit.add(lot);
  for (const LedgerEntry& entry : f.entries) last = audit.add(entry);
  for (const auto& [number, hold] : f.holds) last = audit.add(hold);
  last = audit.finish(f.state);
  return {refusal(last), audit.first_wrong_entry(), last ? "" : last.error().detail};
}

// As one who can compute hashes would: the chain is good again from `from` on.
void rehash(LedgerFixture& f, std::size_t from = 0) {
  for (std::size_t i = from; i < f.entries.size(); ++i) {
    f.entries[i].prev_hash = i == 0 ? chain_start(f.account, storage::sha256) : f.entries[i - 1].hash;
    f.entries[i].hash = hash_of(f.entries[i], storage::sha256);
  }
  f.state.last_hash = f.entries.back().hash;
}

// What the audit says once `tamper` changed the history and the chain was made good again.
Verdict rehashed(const std::function<void(LedgerFixture&)>& tamper) {
  LedgerFixture f = history();
  tamper(f);
  rehash(f);
  return audit(f);
}

void check(const Verdict& verdict, const char* rule, std::optional<std::uint64_t> entry) {
  CAPTURE(verdict.detail);
  CHECK(verdict.rule == rule);
  CHECK(verdict.entry == entry);
}

}  // namespace

TEST_CASE("ledger audit: a ledger that the rules wrote is good") {
  check(audit(history()), "ok", std::nullopt);
  check(audit(LedgerFixture()), "ok", std::nullopt);
}

TEST_CASE("ledger audit: charges for events that were not reversed are added up") {
  const LedgerFixture f = history();
  LedgerAudit sums(f.account, storage::sha256);
  for (const auto& [number, lot] : f.lots) REQUIRE(sums.add(lot));
  for (const LedgerEntry& entry : f.entries) REQUIRE(sums.add(entry));
  CHECK(sums.entries() == 11);
  CHECK(*sums.charged_for_events() == credits(5));
}

TEST_CASE("ledger audit: a missing, doubled or exchanged entry is found") {
  LedgerFixture f = history();
  SUBCASE("the first is missing") {
    f.entries.erase(f.entries.begin());
    check(audit(f), "sequence_gap", 2);
  }
  SUBCASE("one is missing") {
    f.entries.erase(f.entries.begin() + 4);
    check(audit(f), "sequence_gap", 6);
  }
  SUBCASE("the last is missing") {
    f.entries.pop_back();
    check(audit(f), "wrong_state", std::nullopt);
  }
  SUBCASE("one is there twice") {
    f.entries.insert(f.entries.begin() + 4, f.entries[3]);
    check(audit(f), "sequence_gap", 4);
  }
  SUBCASE("two are exchanged") {
    std::swap(f.entries[3], f.entries[4]);
    check(audit(f), "sequence_gap", 5);
  }
}

TEST_CASE("ledger audit: any changed field of any entry is found at that entry") {
  const LedgerFixture good = history();
  const std::vector<std::function<void(LedgerEntry&)>> changes = {
      [](LedgerEntry& e) { e.type = e.type == EntryType::debit ? EntryType::expiry : EntryType::debit; },
      [](LedgerEntry& e) { e.amount = credits(e.amount.micros() + 1); },
      [](LedgerEntry& e) { e.balance_after = credits(e.balance_after.micros() - 1); },
      [](LedgerEntry& e) { e.created_at = e.created_at + 1; },
      [](LedgerEntry& e) { e.endpoint += "x"; },
      [](LedgerEntry& e) { e.event_id += "x"; },
      [](LedgerEntry& e) { ++e.hold; },
      [](LedgerEntry& e) { ++e.price_version; },
      [](LedgerEntry& e) { ++e.reverses; },
      [](LedgerEntry& e) {
        e.lots.push_back({1, Credits()});
      },
      [](LedgerEntry& e) { e.description += "x"; },
      [](LedgerEntry& e) { e.reference += "x"; },
      [](LedgerEntry& e) { e.metadata += "x"; },
      [](LedgerEntry& e) { e.hash[31] ^= 1; },
  };
  for (std::size_t i = 0; i < good.entries.size(); ++i) {
    for (const auto& change : changes) {
      LedgerFixture f = good;
      change(f.entries[i]);
      check(audit(f), "wrong_hash", i + 1);
    }
    LedgerFixture f = good;
    f.entries[i].prev_hash[0] ^= 1;
    check(audit(f), "broken_chain", i + 1);
  }
}

TEST_CASE("ledger audit: every changed byte of stored entries is found") {
  const LedgerFixture good = history();
  const std::string bytes = encode(good.entries);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 0x10, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      const auto entries = decode_ledger_entries(changed);
      if (!entries) continue;
      LedgerFixture f = good;
      f.entries = *entries;
      CAPTURE(i);
      CHECK(audit(f).rule != "ok");
    }
  }
}

TEST_CASE("ledger audit: another account's chain is refused at its first entry") {
  LedgerFixture f = history();
  f.account = AccountId("other");
  check(audit(f), "broken_chain", 1);
}

TEST_CASE("ledger audit: a chain that was computed anew still ends in another hash than the state's") {
  LedgerFixture f = history();
  const Digest last = f.state.last_hash;
  f.entries[2].endpoint = "another";
  rehash(f);
  check(audit(f), "ok", std::nullopt);
  f.state.last_hash = last;
  check(audit(f), "wrong_state", std::nullopt);
}

TEST_CASE("ledger audit: sums, dates and lots are checked even where the chain is good") {
  check(rehashed([](LedgerFixture& f) { f.entries[3].balance_after = credits(1'000); }), "wrong_balance", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].created_at = f.entries[2].created_at - 1; }), "dated_back", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots[0].lot = 9; }), "unknown_lot", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots[0].lot = 4; }), "unknown_lot", 4);  // granted later
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots[0].amount = credits(-71); }), "overpaid_lot", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots[0].amount = credits(-21); }), "wrong_amount", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots[0].amount = credits(-19); }), "unpaid", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots[0].amount = credits(20); }), "wrong_amount", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[3].lots.push_back(f.entries[3].lots[0]); }), "repeated_lot", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[1].lots[0].lot = 1; }), "wrong_lot", 2);
  check(rehashed([](LedgerFixture& f) { f.entries[1].lots.clear(); }), "wrong_lot", 2);
  check(rehashed([](LedgerFixture& f) { f.entries[1].lots[0].amount = credits(49); }), "wrong_amount", 2);
  check(rehashed([](LedgerFixture& f) { f.entries[4].lots[0] = {2, credits(-50)}; }), "not_expired", 5);
}

TEST_CASE("ledger audit: an entry that pays from a lot which had less is named") {
  LedgerFixture f;
  REQUIRE(f.grant(100));
  REQUIRE(f.grant(100));
  REQUIRE(f.debit(150));
  f.entries[2].lots = {{1, credits(-150)}};
  rehash(f);
  const Verdict verdict = audit(f);
  check(verdict, "overpaid_lot", 3);
  CHECK(verdict.detail == "entry 3: lot 1 has 0.0001 left and is changed by -0.00015");
}

TEST_CASE("ledger audit: a reversal names a debit, once, and gives back no more than it took") {
  check(rehashed([](LedgerFixture& f) { f.entries[6].reverses = 1; }), "wrong_reversal", 7);
  check(rehashed([](LedgerFixture& f) { f.entries[6].reverses = 0; }), "wrong_reversal", 7);
  check(rehashed([](LedgerFixture& f) { f.entries[6].reverses = 9; }), "wrong_reversal", 7);
  check(rehashed([](LedgerFixture& f) { f.entries[9].reverses = 3; }), "wrong_reversal", 10);
  check(rehashed([](LedgerFixture& f) { f.entries[3].reverses = 3; }), "wrong_reversal", 4);
  check(rehashed([](LedgerFixture& f) { f.entries[9].reverses = 4; }), "wrong_amount", 10);
}

TEST_CASE("ledger audit: a reversal fills no lot that expired, and none beyond what was granted") {
  LedgerFixture f;
  REQUIRE(f.grant(100, f.now + day_ms));
  REQUIRE(f.grant({.amount = credits(100), .never_expires = true}));
  REQUIRE(f.debit(120));
  REQUIRE(f.reverse(3));
  SUBCASE("expired") {
    f.entries[3].created_at = f.state.last_at = f.now + day_ms;
    rehash(f);
    check(audit(f), "expired", 4);
  }
  SUBCASE("too full") {
    f.entries[3].lots = {{1, credits(99)}, {2, credits(21)}};
    rehash(f);
    check(audit(f), "overfull_lot", 4);
  }
}

TEST_CASE("ledger audit: a lot's row must be what the entry that opened it says") {
  const auto tampered = [](std::uint64_t number, const std::function<void(Lot&)>& change) {
    LedgerFixture f = history();
    change(f.lots.at(number));
    return audit(f);
  };
  check(tampered(1, [](Lot& lot) { lot.amount = credits(101); }), "wrong_lot", 1);
  check(tampered(1, [](Lot& lot) { lot.reference = "INV-2"; }), "wrong_lot", 1);
  check(tampered(1, [](Lot& lot) { lot.description = "second"; }), "wrong_lot", 1);
  check(tampered(2, [](Lot& lot) { lot.metadata = "{}"; }), "wrong_lot", 2);
  check(tampered(2, [](Lot& lot) { lot.origin = LotOrigin::adjustment; }), "wrong_lot", 2);
  check(tampered(2, [](Lot& lot) { lot.purchased_at = lot.purchased_at + 1; }), "wrong_lot", 2);
  check(tampered(2, [](Lot& lot) { lot.number = 3; }), "sequence_gap", std::nullopt);
  check(tampered(2, [](Lot& lot) { lot.amount = Credits(); }), "wrong_lot", std::nullopt);
  check(tampered(1, [](Lot& lot) { lot.expires_at = *lot.expires_at + 7 * day_ms; }), "not_expired", 5);
  check(tampered(4, [](Lot& lot) { lot.priority = 1; }), "wrong_state", std::nullopt);
  check(tampered(4, [](Lot& lot) { lot.expires_at.reset(); }), "wrong_state", std::nullopt);
  LedgerFixture f = history();
  Lot invented = f.lots.at(2);
  invented.number = f.state.last_lot = 5;
  f.lots[5] = invented;
  check(audit(f), "wrong_lot", std::nullopt);
}

TEST_CASE("ledger audit: holds and the debits that settled them agree") {
  const auto tampered = [](std::uint64_t number, const std::function<void(Hold&)>& change) {
    LedgerFixture f = history();
    change(f.holds.at(number));
    return audit(f);
  };
  check(tampered(1, [](Hold& hold) { hold.settled = credits(19); }), "wrong_hold", std::nullopt);
  check(tampered(1, [](Hold& hold) { hold.entry = 3; }), "wrong_hold", std::nullopt);
  check(tampered(1, [](Hold& hold) { hold.entry = 99; }), "wrong_hold", std::nullopt);
  check(tampered(1, [](Hold& hold) { hold.entry = 0; }), "wrong_hold", 4);
  check(tampered(1, [](Hold& hold) { hold.status = HoldStatus::released; }), "wrong_hold", std::nullopt);
  check(tampered(2, [](Hold& hold) { hold.status = HoldStatus::released; }), "wrong_state", std::nullopt);
  check(tampered(2, [](Hold& hold) { hold.credits = credits(11); }), "wrong_hold", std::nullopt);
  check(tampered(2, [](Hold& hold) { hold.reserved = hold.credits = credits(11); }), "wrong_state", std::nullopt);
  check(tampered(2, [](Hold& hold) { hold.number = 1; }), "sequence_gap", std::nullopt);
  LedgerFixture f = history();
  f.holds.erase(1);
  check(audit(f), "wrong_hold", 4);
  check(rehashed([](LedgerFixture& g) { g.entries[4].hold = 1; }), "wrong_hold", 5);
}

TEST_CASE("ledger audit: a state that differs from its rows is found") {
  const auto tampered = [](const std::function<void(LedgerState&)>& change) {
    LedgerFixture f = history();
    change(f.state);
    return audit(f);
  };
  const std::vector<std::function<void(LedgerState&)>> changes = {
      [](LedgerState& s) { s.balance = credits(s.balance.micros() + 1); },
      [](LedgerState& s) { s.reserved = credits(s.reserved.micros() + 1); },
      [](LedgerState& s) { s.in_lots = credits(s.in_lots.micros() + 1); },
      [](LedgerState& s) { ++s.last_entry; },
      [](LedgerState& s) { ++s.last_lot; },
      [](LedgerState& s) { s.last_hold = 1; },
      [](LedgerState& s) { s.last_hash[0] ^= 1; },
      [](LedgerState& s) { s.last_at = s.last_at + 1; },
      [](LedgerState& s) { s.lots[0].remaining = credits(1); },
      [](LedgerState& s) { s.lots[0].number = 1; },
      [](LedgerState& s) { s.lots[0].priority = -1; },
      [](LedgerState& s) { s.lots.pop_back(); },
      [](LedgerState& s) { s.lots.push_back(s.lots.back()); },
      [](LedgerState& s) { std::reverse(s.lots.begin(), s.lots.end()); },
  };
  for (const auto& change : changes) check(tampered(change), "wrong_state", std::nullopt);
}

TEST_CASE("ledger audit: what is named is the first thing that is wrong") {
  LedgerFixture f = history();
  f.entries[2].endpoint = "another";
  f.entries[7].amount = credits(1);
  f.state.balance = Credits();
  const Verdict verdict = audit(f);
  check(verdict, "wrong_hash", 3);
  CHECK(verdict.detail == "entry 3: its hash is not that of its contents");
}

}  // namespace ledger_audit_test

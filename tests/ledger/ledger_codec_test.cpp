// Rows of the ledger and their bytes.
#include <doctest/doctest.h>

#include "core/ledger.h"
#include "core/manual.h"
#include "tests/core/garbage.h"
#include "tests/ledger/ledger_fixture.h"

namespace ledger_codec_test {

using namespace tally;

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

}  // namespace ledger_codec_test

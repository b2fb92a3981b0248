#include "core/ledger_entry.h"

#include <doctest/doctest.h>

#include "core/entry_figures.h"
#include "core/manual.h"
#include "tests/core/garbage.h"
#include "tests/ledger/ledger_fixture.h"

namespace ledger_entry_test {

using namespace tally;

namespace {

LedgerFixture busy() {
  LedgerFixture f;
  REQUIRE(f.grant({.amount = credits(500), .reference = "INV-1", .description = "May", .metadata = R"({"a":1})"}));
  REQUIRE(f.run([](Ledger& l) { return l.debit({credits(30), "search", "gateway", "e-1", 4, "", ""}); }));
  REQUIRE(f.hold(40));
  REQUIRE(f.settle(1, 10));
  REQUIRE(f.reverse(2));
  return f;
}

}  // namespace

TEST_CASE("ledger entry: each carries the hash of the one before, the first that of the account") {
  const LedgerFixture f = busy();
  Digest before = chain_start(f.account, storage::sha256);
  CHECK(before == storage::sha256("acme"));
  for (const LedgerEntry& entry : f.entries) {
    CHECK(entry.prev_hash == before);
    CHECK(entry.hash == hash_of(entry, storage::sha256));
    before = entry.hash;
  }
}

TEST_CASE("ledger entry: every field but the hash itself is in the hash") {
  const LedgerEntry entry = busy().entries.back();
  const auto changed = [&](auto change) {
    LedgerEntry other = entry;
    change(other);
    return hash_of(other, storage::sha256) != entry.hash;
  };
  CHECK(changed([](LedgerEntry& e) { ++e.seq; }));
  CHECK(changed([](LedgerEntry& e) { e.type = EntryType::grant; }));
  CHECK(changed([](LedgerEntry& e) { e.amount = credits(31); }));
  CHECK(changed([](LedgerEntry& e) { e.balance_after = credits(1); }));
  CHECK(changed([](LedgerEntry& e) { e.created_at = e.created_at + 1; }));
  CHECK(changed([](LedgerEntry& e) { e.endpoint += "x"; }));
  CHECK(changed([](LedgerEntry& e) { e.event_source += "x"; }));
  CHECK(changed([](LedgerEntry& e) { e.event_id += "x"; }));
  CHECK(changed([](LedgerEntry& e) { ++e.hold; }));
  CHECK(changed([](LedgerEntry& e) { ++e.price_version; }));
  CHECK(changed([](LedgerEntry& e) { ++e.reverses; }));
  CHECK(changed([](LedgerEntry& e) { e.lots.pop_back(); }));
  CHECK(changed([](LedgerEntry& e) { ++e.lots[0].lot; }));
  CHECK(changed([](LedgerEntry& e) { e.lots[0].amount = credits(1); }));
  CHECK(changed([](LedgerEntry& e) { e.description += "x"; }));
  CHECK(changed([](LedgerEntry& e) { e.reference += "x"; }));
  CHECK(changed([](LedgerEntry& e) { e.metadata += "x"; }));
  CHECK(changed([](LedgerEntry& e) { e.prev_hash[0] ^= 1; }));
  CHECK_FALSE(changed([](LedgerEntry& e) { e.hash[0] ^= 1; }));
}

TEST_CASE("ledger entry: text that moves from one field to the next changes the hash") {
  LedgerEntry a;
  a.event_source = "ab";
  LedgerEntry b;
  b.event_source = "a";
  b.event_id = "b";
  CHECK(hash_of(a, storage::sha256) != hash_of(b, storage::sha256));
}

TEST_CASE("ledger entry: rows of entries survive their bytes") {
  const LedgerFixture f = busy();
  const auto all = decode_ledger_entries(encode(f.entries));
  REQUIRE(all);
  CHECK(*all == f.entries);
  const std::vector<LedgerEntry> later(f.entries.begin() + 2, f.entries.end());
  const auto tail = decode_ledger_entries(encode(later));
  REQUIRE(tail);
  CHECK(*tail == later);
}

TEST_CASE("ledger entry: a row that later entries were appended to gives all of them, each with its prev_hash") {
  const LedgerFixture f = busy();
  std::string row;
  for (const LedgerEntry& entry : f.entries) append_entries(row, encode(std::span(&entry, 1)));
  const auto all = decode_ledger_entries(row);
  REQUIRE(all);
  CHECK(*all == f.entries);
  std::size_t whole = 0;  // prefixes that end with an entry are rows too
  for (std::size_t size = 0; size < row.size(); ++size)
    whole += decode_ledger_entries(row.substr(0, size)).has_value() ? 1 : 0;
  CHECK(whole == f.entries.size() - 1);
}

TEST_CASE("ledger entry: bytes that are no entries are refused or harmless") {
  SeededRandom random(5);
  CHECK(refuses_prefixes_and_survives_noise(encode(busy().entries), random, [](const std::string& bytes) {
    return decode_ledger_entries(bytes).has_value();
  }));
}

TEST_CASE("ledger entry: what entries did is read from their bytes as from the entries") {
  const LedgerFixture f = busy();
  std::string apart;
  for (const LedgerEntry& entry : f.entries) append_entries(apart, encode(std::span(&entry, 1)));
  for (const std::string& row : {encode(f.entries), apart}) {
    EntryFiguresReader reader(row);
    for (const LedgerEntry& entry : f.entries) {
      const EntryFigures* figures = reader.next();
      REQUIRE(figures != nullptr);
      CHECK(*figures == figures_of(entry));
    }
    CHECK(reader.next() == nullptr);
    CHECK(reader.ok());
  }
  SeededRandom random(6);
  CHECK(refuses_prefixes_and_survives_noise(encode(f.entries), random, [](const std::string& bytes) {
    EntryFiguresReader reader(bytes);
    while (reader.next() != nullptr) {
    }
    return reader.ok();
  }));
}

TEST_CASE("ledger entry: words and hex are stable") {
  CHECK(to_string(EntryType::grant) == "grant");
  CHECK(to_string(EntryType::debit) == "debit");
  CHECK(to_string(EntryType::adjustment) == "adjustment");
  CHECK(to_string(EntryType::expiry) == "expiry");
  CHECK(to_string(EntryType::reversal) == "reversal");
  CHECK(to_hex(storage::sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace ledger_entry_test

#include "http/ledger_wire.h"

#include <doctest/doctest.h>

namespace tally::http::ledger_wire_test {

TEST_CASE("ledger wire: ids are read as they are written, and nothing else is an id") {
  CHECK(parse_lot_id(lot_id(7)) == 7);
  CHECK(parse_entry_id(entry_id(18446744073709551615u)) == 18446744073709551615u);
  const auto hold = parse_hold_id(hold_id(AccountId("a-b_c"), 12));
  REQUIRE(hold.has_value());
  CHECK(hold->account == AccountId("a-b_c"));
  CHECK(hold->number == 12);
  for (const char* id : {"", "ent_", "ent_0", "ent_01", "ent_+1", "ent_-1", "ent_1x", "ent_ 1", "lot_1", "Ent_1",
                         "ent_18446744073709551616"})
    CHECK_FALSE_MESSAGE(parse_entry_id(id).has_value(), id);
  for (const char* id : {"hold_a", "hold_a.", "hold_.1", "hold_a.0", "hold_a.b.1", "hold_A.1", "a.1"})
    CHECK_FALSE_MESSAGE(parse_hold_id(id).has_value(), id);
}

TEST_CASE("ledger wire: an entry names an event, a price, a hold and what it reverses only where there are such") {
  LedgerEntry entry;
  entry.seq = 3;
  entry.type = EntryType::adjustment;
  entry.amount = Credits::from_micros(-1'500'000);
  std::string json;
  JsonWriter out(json);
  write_entry(out, AccountId("acme"), entry);
  const std::string zeros(64, '0');
  CHECK(json == R"({"seq":3,"id":"ent_3","type":"adjustment","amount":"-1.5","balance_after":"0","lots":[],)"
                R"("description":"","reference":"","metadata":{},"created_at":"1970-01-01T00:00:00Z","prev_hash":")" +
                    zeros + R"(","hash":")" + zeros + R"("})");
}

TEST_CASE("ledger wire: metadata is kept as it was sent, and flat") {
  const auto read = [](std::string body) -> Result<std::string> {
    const auto value = parse_json(std::move(body));
    JsonReader in(*value);
    auto text = flat_object(in, "metadata");
    if (auto good = in.finish(); !good) return good.error();
    return text;
  };
  CHECK(*read(R"({"metadata":{"a":1.50,"b":"\"x","c":null,"d":true}})") == R"({"a":1.50,"b":"\"x","c":null,"d":true})");
  CHECK(read("{}")->empty());
  CHECK(read(R"({"metadata":{}})")->empty());
  CHECK(read(R"({"metadata":{"a":{}}})").error().rule == "invalid_metadata");
  CHECK(read(R"({"metadata":"x"})").error().rule == "invalid_metadata");
}

}  // namespace tally::http::ledger_wire_test

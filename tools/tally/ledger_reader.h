// Lots, entries and holds read back from the JSON that http/ledger_wire.h writes.
#pragma once

#include "core/ledger.h"
#include "http/json.h"

namespace tally::tools {

// All are Errc::invalid_argument with a detail that names the field. Members that nobody writes yet are let pass: a
// newer server may show more.
Result<LedgerEntry> read_entry(const http::JsonValue& json, const AccountId& account);

struct LotNow {
  Lot lot;
  Credits remaining;
};
Result<LotNow> read_lot(const http::JsonValue& json);
// Puts what is left of a lot into the state that it is part of: in burn order, and into the sum. Errc::invalid_argument
// when it is negative or the sum leaves the range of amounts.
Result<void> add_open_lot(LedgerState& state, const LotNow& now);

// An open one.
Result<Hold> read_open_hold(const http::JsonValue& json, const AccountId& account);

// 64 lower-case hex digits.
Result<Digest> read_digest(std::string_view hex);

}  // namespace tally::tools

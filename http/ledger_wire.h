// Balances, lots, entries and holds on the wire of our own API.
//
// Ids: a lot is `lot_<number>`, an entry `ent_<seq>`, both within their account; a hold is `hold_<account>.<number>`,
// because the operator's hold routes name no account, and no account's id has a dot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ledger.h"
#include "core/price.h"
#include "http/json.h"
#include "http/json_writer.h"

namespace tally::http {

std::string lot_id(std::uint64_t number);
std::string entry_id(std::uint64_t seq);
std::string hold_id(const AccountId& account, std::uint64_t number);

// Nothing for text that those do not write.
std::optional<std::uint64_t> parse_lot_id(std::string_view id);
std::optional<std::uint64_t> parse_entry_id(std::string_view id);
struct HoldName {
  AccountId account;
  std::uint64_t number = 0;
};
std::optional<HoldName> parse_hold_id(std::string_view id);

void write_balance(JsonWriter& out, const LedgerState& state);
void write_lot(JsonWriter& out, const Lot& lot, Credits remaining);
// `endpoint`, `event`, `price_version`, `hold` and `reverses` only where there are such; `price` if it is given.
void write_entry(JsonWriter& out, const AccountId& account, const LedgerEntry& entry, const Price* price = nullptr);
// `reserved` only of an open hold that reserves something else than its credits: nothing, in an unlimited account.
void write_hold(JsonWriter& out, const AccountId& account, const Hold& hold);

// What is left of a lot; nothing if it is not open.
Credits remaining_of(const LedgerState& state, std::uint64_t lot);

// The text of an optional member that is a flat object (strings, numbers, booleans, null), as it is stored; empty
// without one. Refused as `invalid_<name>` when it is nested.
std::string flat_object(JsonReader& in, std::string_view name);

}  // namespace tally::http

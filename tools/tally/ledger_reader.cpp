#include "tools/tally/ledger_reader.h"

#include <algorithm>
#include <limits>

#include "http/ledger_wire.h"

namespace tally::tools {
namespace {

using http::JsonReader;

constexpr std::int64_t number_max = std::numeric_limits<std::int64_t>::max();

Result<void> finished(const JsonReader& in) {
  auto good = in.finish();
  return good || good.error().rule == "unknown_field" ? Result<void>() : good;
}

// An id that `parse` reads; 0 and a refusal otherwise.
template <class Parse>
std::uint64_t read_id(JsonReader& in, std::string_view name, Parse parse) {
  const auto number = parse(in.string(name));
  if (!number) in.refuse(name, "is no id");
  return number.value_or(0);
}

std::uint64_t read_hold_id(JsonReader& in, std::string_view name, const AccountId& account) {
  const auto hold = http::parse_hold_id(in.string(name));
  if (!hold || hold->account != account) in.refuse(name, "is no hold of the account");
  return hold ? hold->number : 0;
}

template <class Enum>
Enum read_word(JsonReader& in, std::string_view name, Enum last) {
  const std::string word = in.string(name);
  for (std::uint8_t i = 1; i <= static_cast<std::uint8_t>(last); ++i) {
    if (to_string(static_cast<Enum>(i)) == word) return static_cast<Enum>(i);
  }
  in.refuse(name, "is no known word");
  return last;
}

Digest read_hash(JsonReader& in, std::string_view name) {
  const auto digest = read_digest(in.string(name));
  if (!digest) in.refuse(name, digest.error().detail);
  return digest ? *digest : Digest{};
}

std::vector<LotShare> read_shares(JsonReader& in) {
  std::vector<LotShare> shares;
  const http::JsonValue& list = in.array("lots");
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    JsonReader share(list.items[i], in.path_of("lots", i));
    LotShare one;
    one.lot = read_id(share, "lot", http::parse_lot_id);
    one.amount = share.credits("amount");
    if (auto good = finished(share); !good) in.refuse("lots", good.error().detail);
    shares.push_back(one);
  }
  return shares;
}

std::uint32_t read_version(JsonReader& in) {
  return static_cast<std::uint32_t>(
      in.optional_integer("price_version", 1, std::numeric_limits<std::uint32_t>::max()).value_or(0));
}

}  // namespace

Result<Digest> read_digest(std::string_view hex) {
  static constexpr std::string_view digits = "0123456789abcdef";
  Digest digest{};
  if (hex.size() != 2 * digest.size()) return fail(Errc::invalid_argument, "must be 64 hex digits");
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const std::size_t digit = digits.find(hex[i]);
    if (digit == std::string_view::npos) return fail(Errc::invalid_argument, "must be 64 hex digits");
    digest[i / 2] = static_cast<std::uint8_t>(digest[i / 2] * 16 + digit);
  }
  return digest;
}

Result<LedgerEntry> read_entry(const http::JsonValue& json, const AccountId& account) {
  JsonReader in(json);
  LedgerEntry entry;
  entry.seq = static_cast<std::uint64_t>(in.integer("seq", 1, number_max));
  if (read_id(in, "id", http::parse_entry_id) != entry.seq) in.refuse("id", "is not that of its seq");
  entry.type = read_word(in, "type", EntryType::reversal);
  entry.amount = in.credits("amount");
  entry.balance_after = in.credits("balance_after");
  entry.endpoint = in.optional_string("endpoint").value_or("");
  if (const http::JsonValue* object = in.optional_object("event")) {
    JsonReader event(*object, in.path_of("event"));
    entry.event_source = event.string("source");
    entry.event_id = event.string("id");
    if (auto good = finished(event); !good) in.refuse("event", good.error().detail);
  }
  entry.price_version = read_version(in);
  if (in.has("hold")) entry.hold = read_hold_id(in, "hold", account);
  if (in.has("reverses")) entry.reverses = read_id(in, "reverses", http::parse_entry_id);
  entry.lots = read_shares(in);
  entry.description = in.string("description");
  entry.reference = in.string("reference");
  entry.metadata = http::flat_object(in, "metadata");
  entry.created_at = in.time("created_at");
  entry.prev_hash = read_hash(in, "prev_hash");
  entry.hash = read_hash(in, "hash");
  if (auto good = finished(in); !good) return good.error();
  return entry;
}

Result<LotNow> read_lot(const http::JsonValue& json) {
  JsonReader in(json);
  LotNow now;
  Lot& lot = now.lot;
  lot.number = read_id(in, "id", http::parse_lot_id);
  lot.origin = read_word(in, "origin", LotOrigin::reversal);
  lot.amount = in.credits("amount");
  now.remaining = in.credits("remaining");
  lot.priority = static_cast<std::int32_t>(
      in.integer("priority", std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
  lot.purchased_at = in.time("purchased_at");
  if (!in.is_null("expires_at")) lot.expires_at = in.time("expires_at");
  lot.reference = in.string("reference");
  lot.description = in.string("description");
  lot.metadata = http::flat_object(in, "metadata");
  if (auto good = finished(in); !good) return good.error();
  return now;
}

Result<void> add_open_lot(LedgerState& state, const LotNow& now) {
  if (now.remaining < Credits()) return fail(Errc::invalid_argument, "less than nothing is left of the lot");
  if (now.remaining == Credits()) return {};
  const auto sum = add(state.in_lots, now.remaining);
  if (!sum) return sum.error();
  state.in_lots = *sum;
  OpenLot open{now.lot.number,       now.lot.origin,     now.remaining, now.lot.priority,
               now.lot.purchased_at, now.lot.expires_at, false};
  const auto place = std::upper_bound(state.lots.begin(), state.lots.end(), open, burns_before);
  state.lots.insert(place, std::move(open));
  return {};
}

Result<Hold> read_open_hold(const http::JsonValue& json, const AccountId& account) {
  JsonReader in(json);
  Hold hold;
  hold.number = read_hold_id(in, "id", account);
  if (in.string("account") != account.str()) in.refuse("account", "is another one");
  hold.credits = in.credits("credits");
  hold.reserved = in.optional_credits("reserved").value_or(hold.credits);
  hold.status = read_word(in, "status", HoldStatus::expired);
  if (hold.status != HoldStatus::open) in.refuse("status", "is not open");
  hold.endpoint = in.optional_string("endpoint").value_or("");
  hold.price_version = read_version(in);
  hold.created_at = in.time("created_at");
  hold.expires_at = in.time("expires_at");
  if (auto good = finished(in); !good) return good.error();
  return hold;
}

}  // namespace tally::tools

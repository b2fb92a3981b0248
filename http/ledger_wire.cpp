#include "http/ledger_wire.h"

#include <algorithm>
#include <charconv>

#include "http/price_wire.h"

namespace tally::http {

namespace {

constexpr std::string_view lot_prefix = "lot_";
constexpr std::string_view entry_prefix = "ent_";
constexpr std::string_view hold_prefix = "hold_";

// From 1, as it is written: no sign, no leading zero.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text.front() == '0' || error != std::errc() || last != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_numbered(std::string_view prefix, std::string_view id) {
  if (!id.starts_with(prefix)) return std::nullopt;
  return parse_number(id.substr(prefix.size()));
}

void write_metadata(JsonWriter& out, std::string_view metadata) {
  out.key("metadata").raw(metadata.empty() ? "{}" : metadata);
}

void write_event(JsonWriter& out, std::string_view source, std::string_view id) {
  out.key("event").begin_object().field("source", source).field("id", id).end_object();
}

void append_scalar(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      out += "null";
      return;
    case JsonValue::Kind::boolean:
      out += value.boolean ? "true" : "false";
      return;
    case JsonValue::Kind::number:
      out += value.text;
      return;
    case JsonValue::Kind::string:
      append_json_string(out, value.text);
      return;
    case JsonValue::Kind::array:
    case JsonValue::Kind::object:
      return;
  }
}

}  // namespace

std::string lot_id(std::uint64_t number) {
  return std::string(lot_prefix) + std::to_string(number);
}
std::string entry_id(std::uint64_t seq) {
  return std::string(entry_prefix) + std::to_string(seq);
}
std::string hold_id(const AccountId& account, std::uint64_t number) {
  return std::string(hold_prefix) + account.str() + "." + std::to_string(number);
}

std::optional<std::uint64_t> parse_lot_id(std::string_view id) {
  return parse_numbered(lot_prefix, id);
}
std::optional<std::uint64_t> parse_entry_id(std::string_view id) {
  return parse_numbered(entry_prefix, id);
}

std::optional<HoldName> parse_hold_id(std::string_view id) {
  if (!id.starts_with(hold_prefix)) return std::nullopt;
  id.remove_prefix(hold_prefix.size());
  const std::size_t dot = id.find('.');
  if (dot == std::string_view::npos || !is_account_id(id.substr(0, dot))) return std::nullopt;
  const auto number = parse_number(id.substr(dot + 1));
  if (!number) return std::nullopt;
  return HoldName{AccountId(std::string(id.substr(0, dot))), *number};
}

void write_balance(JsonWriter& out, const LedgerState& state) {
  out.begin_object().key("balance").credits_string(state.balance);
  out.key("reserved").credits_string(state.reserved);
  out.key("available").credits_string(state.available());
  out.key("debt").credits_string(state.debt()).end_object();
}

void write_lot(JsonWriter& out, const Lot& lot, Credits remaining) {
  out.begin_object().field("id", lot_id(lot.number)).field("origin", to_string(lot.origin));
  out.key("amount").credits_string(lot.amount);
  out.key("remaining").credits_string(remaining).field("priority", std::int64_t{lot.priority});
  out.field("purchased_at", lot.purchased_at).key("expires_at");
  if (lot.expires_at) {
    out.time(*lot.expires_at);
  } else {
    out.null();
  }
  out.field("reference", lot.reference).field("description", lot.description);
  write_metadata(out, lot.metadata);
  out.end_object();
}

void write_entry(JsonWriter& out, const AccountId& account, const LedgerEntry& entry, const Price* price) {
  out.begin_object().field("seq", static_cast<std::int64_t>(entry.seq)).field("id", entry_id(entry.seq));
  out.field("type", to_string(entry.type)).key("amount").credits_string(entry.amount);
  out.key("balance_after").credits_string(entry.balance_after);
  if (!entry.endpoint.empty()) out.field("endpoint", entry.endpoint);
  if (!entry.event_id.empty()) write_event(out, entry.event_source, entry.event_id);
  if (entry.price_version != 0) out.field("price_version", std::int64_t{entry.price_version});
  if (price) {
    out.key("price");
    write_price(out, *price);
  }
  if (entry.hold != 0) out.field("hold", hold_id(account, entry.hold));
  if (entry.reverses != 0) out.field("reverses", entry_id(entry.reverses));
  out.key("lots").begin_array();
  for (const LotShare& share : entry.lots) {
    out.begin_object().field("lot", lot_id(share.lot)).key("amount").credits_string(share.amount).end_object();
  }
  out.end_array().field("description", entry.description).field("reference", entry.reference);
  write_metadata(out, entry.metadata);
  out.field("created_at", entry.created_at).field("prev_hash", to_hex(entry.prev_hash));
  out.field("hash", to_hex(entry.hash)).end_object();
}

void write_hold(JsonWriter& out, const AccountId& account, const Hold& hold) {
  out.begin_object().field("id", hold_id(account, hold.number)).field("account", account.str());
  out.key("credits").credits_string(hold.credits).field("status", to_string(hold.status));
  if (hold.status == HoldStatus::open && hold.reserved != hold.credits)
    out.key("reserved").credits_string(hold.reserved);
  if (!hold.endpoint.empty()) out.field("endpoint", hold.endpoint);
  if (hold.price_version != 0) out.field("price_version", std::int64_t{hold.price_version});
  if (hold.status == HoldStatus::settled) {
    out.key("settled_credits").credits_string(hold.settled);
    if (hold.entry != 0) out.field("entry", entry_id(hold.entry));
    if (!hold.event_id.empty()) write_event(out, hold.event_source, hold.event_id);
  }
  out.field("created_at", hold.created_at).field("expires_at", hold.expires_at);
  if (hold.status != HoldStatus::open) out.field("resolved_at", hold.resolved_at);
  out.end_object();
}

Credits remaining_of(const LedgerState& state, std::uint64_t lot) {
  const auto open =
      std::find_if(state.lots.begin(), state.lots.end(), [&](const OpenLot& each) { return each.number == lot; });
  return open == state.lots.end() ? Credits() : open->remaining;
}

std::string flat_object(JsonReader& in, std::string_view name) {
  const JsonValue* object = in.optional_object(name);
  if (!object || object->items.empty()) return {};
  std::string text = "{";
  for (std::size_t i = 0; i < object->items.size(); ++i) {
    const JsonValue& value = object->items[i];
    if (value.kind == JsonValue::Kind::array || value.kind == JsonValue::Kind::object) {
      in.refuse(name, "must be flat: strings, numbers, true, false and null");
      return {};
    }
    if (i > 0) text.push_back(',');
    append_json_string(text, object->names[i]);
    text.push_back(':');
    append_scalar(text, value);
  }
  text.push_back('}');
  return text;
}

}  // namespace tally::http

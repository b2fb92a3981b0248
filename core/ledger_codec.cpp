// The stored bytes of a ledger's state, lots and holds.
#include "core/ledger.h"
#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t state_version = 1;
constexpr std::uint8_t lot_version = 1;
constexpr std::uint8_t hold_version = 1;

void write_open_lot(Encoder& out, const OpenLot& lot) {
  out.u64(lot.number);
  write_enum(out, lot.origin);
  write_credits(out, lot.remaining);
  out.i64(lot.priority);
  write_time(out, lot.purchased_at);
  write_optional(out, lot.expires_at, write_time);
  out.boolean(lot.expiry_announced);
}

OpenLot read_open_lot(Decoder& in) {
  OpenLot lot;
  lot.number = in.u64();
  lot.origin = read_enum(in, LotOrigin::reversal);
  lot.remaining = read_credits(in);
  lot.priority = read_int(in);
  lot.purchased_at = read_time(in);
  lot.expires_at = read_optional(in, read_time);
  lot.expiry_announced = in.boolean();
  return lot;
}

}  // namespace

std::string_view to_string(LotOrigin origin) noexcept {
  switch (origin) {
    case LotOrigin::grant:
      return "grant";
    case LotOrigin::allocation:
      return "allocation";
    case LotOrigin::rollover:
      return "rollover";
    case LotOrigin::reload:
      return "reload";
    case LotOrigin::adjustment:
      return "adjustment";
    case LotOrigin::reversal:
      return "reversal";
  }
  return "unknown";
}

std::string_view to_string(HoldStatus status) noexcept {
  switch (status) {
    case HoldStatus::open:
      return "open";
    case HoldStatus::settled:
      return "settled";
    case HoldStatus::released:
      return "released";
    case HoldStatus::expired:
      return "expired";
  }
  return "unknown";
}

std::string encode(const LedgerState& state) {
  std::string bytes;
  bytes.reserve(96 + 32 * state.lots.size());
  Encoder out(bytes);
  out.u8(state_version);
  write_credits(out, state.balance);
  write_credits(out, state.reserved);
  out.u64(state.last_entry);
  out.u64(state.last_lot);
  out.u64(state.last_hold);
  out.raw({reinterpret_cast<const char*>(state.last_hash.data()), state.last_hash.size()});
  write_time(out, state.last_at);
  out.i64(state.allocated_month);
  out.u64(state.reload.last);
  out.boolean(state.reload.pending);
  write_credits(out, state.reload.amount);
  write_time(out, state.reload.not_before);
  out.i64(state.reload.day);
  write_credits(out, state.reload.paid);
  write_optional(out, state.due_at, write_time);
  out.u64(state.lots.size());
  for (const OpenLot& lot : state.lots) write_open_lot(out, lot);
  return bytes;
}

Result<LedgerState> decode_ledger_state(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != state_version) in.reject();
  LedgerState state;
  state.balance = read_credits(in);
  state.reserved = read_credits(in);
  state.last_entry = in.u64();
  state.last_lot = in.u64();
  state.last_hold = in.u64();
  const std::string_view hash = in.raw(state.last_hash.size());
  if (in.ok()) std::copy(hash.begin(), hash.end(), state.last_hash.begin());
  state.last_at = read_time(in);
  state.allocated_month = read_int(in);
  state.reload.last = in.u64();
  state.reload.pending = in.boolean();
  state.reload.amount = read_credits(in);
  state.reload.not_before = read_time(in);
  state.reload.day = read_int(in);
  state.reload.paid = read_credits(in);
  state.due_at = read_optional(in, read_time);
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    state.lots.push_back(read_open_lot(in));
    const auto sum = add(state.in_lots, state.lots.back().remaining);
    if (!sum || state.lots.back().remaining <= Credits()) in.reject();
    if (sum) state.in_lots = *sum;
  }
  const auto debt = subtract(state.in_lots, state.balance);
  if (!debt || *debt < Credits() || state.reserved < Credits()) in.reject();
  if (!in.done()) return fail(Errc::corrupt, "a ledger's state cannot be read");
  return state;
}

std::string encode(const Lot& lot) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(lot_version);
  out.u64(lot.number);
  write_enum(out, lot.origin);
  write_credits(out, lot.amount);
  out.i64(lot.priority);
  write_time(out, lot.purchased_at);
  write_optional(out, lot.expires_at, write_time);
  out.text(lot.reference);
  out.text(lot.description);
  out.text(lot.metadata);
  return bytes;
}

Result<Lot> decode_lot(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != lot_version) in.reject();
  Lot lot;
  lot.number = in.u64();
  lot.origin = read_enum(in, LotOrigin::reversal);
  lot.amount = read_credits(in);
  lot.priority = read_int(in);
  lot.purchased_at = read_time(in);
  lot.expires_at = read_optional(in, read_time);
  lot.reference = in.text();
  lot.description = in.text();
  lot.metadata = in.text();
  if (!in.done()) return fail(Errc::corrupt, "a lot cannot be read");
  return lot;
}

std::string encode(const Hold& hold) {
  std::string bytes;
  bytes.reserve(96);
  Encoder out(bytes);
  out.u8(hold_version);
  out.u64(hold.number);
  write_enum(out, hold.status);
  write_credits(out, hold.credits);
  write_credits(out, hold.reserved);
  write_credits(out, hold.settled);
  write_time(out, hold.created_at);
  write_time(out, hold.expires_at);
  write_time(out, hold.resolved_at);
  out.text(hold.endpoint);
  out.u64(hold.price_version);
  out.u64(hold.entry);
  out.text(hold.event_source);
  out.text(hold.event_id);
  return bytes;
}

Result<Hold> decode_hold(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != hold_version) in.reject();
  Hold hold;
  hold.number = in.u64();
  hold.status = read_enum(in, HoldStatus::expired);
  hold.credits = read_credits(in);
  hold.reserved = read_credits(in);
  hold.settled = read_credits(in);
  hold.created_at = read_time(in);
  hold.expires_at = read_time(in);
  hold.resolved_at = read_time(in);
  hold.endpoint = in.text();
  hold.price_version = read_u32(in);
  hold.entry = in.u64();
  hold.event_source = in.text();
  hold.event_id = in.text();
  if (!in.done()) return fail(Errc::corrupt, "a hold cannot be read");
  return hold;
}

}  // namespace tally

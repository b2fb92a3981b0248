#include "storage/journal_record.h"

#include "core/codec.h"

namespace tally::storage {

namespace {

constexpr std::uint8_t record_version = 1;
constexpr std::uint8_t usage_kind = 1;
constexpr std::uint8_t reversal_kind = 2;
constexpr std::uint8_t ledger_kind = 3;

enum Flag : std::uint8_t {
  flag_ok = 1,
  flag_own_credits = 2,
  flag_source = 4,
  flag_key = 8,
  flag_details = 16,
  flag_options = 32
};

void encode_event(Encoder& out, const ChargedEvent& charged) {
  const UsageEvent& event = charged.event;
  out.u8(static_cast<std::uint8_t>((event.ok ? flag_ok : 0) | (event.credits ? flag_own_credits : 0) |
                                   (event.source.empty() ? 0 : flag_source) | (event.key.empty() ? 0 : flag_key) |
                                   (event.details.empty() ? 0 : flag_details) |
                                   (event.options.empty() ? 0 : flag_options)));
  out.text(event.id);
  out.text(event.endpoint);
  out.i64(event.time.ms());
  out.i64(event.results);
  out.i64(charged.charged.micros());
  out.text(charged.category);
  out.u64(charged.price_version);
  out.u64(charged.entry);
  if (event.credits) out.i64(event.credits->micros());
  if (!event.source.empty()) out.text(event.source);
  if (!event.key.empty()) out.text(event.key);
  if (!event.details.empty()) out.text(event.details);
  if (event.options.empty()) return;
  out.u64(event.options.size());
  for (const auto& [name, count] : event.options) {
    out.text(name);
    out.i64(count);
  }
}

ChargedEvent decode_event(Decoder& in) {
  ChargedEvent charged;
  UsageEvent& event = charged.event;
  const std::uint8_t flags = in.u8();
  event.ok = (flags & flag_ok) != 0;
  event.id = in.text();
  event.endpoint = in.text();
  event.time = UtcTime::from_ms(in.i64());
  event.results = in.i64();
  charged.charged = Credits::from_micros(in.i64());
  charged.category = in.text();
  charged.price_version = static_cast<std::uint32_t>(in.u64());
  charged.entry = in.u64();
  if (flags & flag_own_credits) event.credits = Credits::from_micros(in.i64());
  if (flags & flag_source) event.source = in.text();
  if (flags & flag_key) event.key = in.text();
  if (flags & flag_details) event.details = in.text();
  if (flags & flag_options) {
    for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
      std::string name(in.text());
      event.options.emplace_back(std::move(name), in.i64());
    }
  }
  return charged;
}

using NumberedRows = std::vector<std::pair<std::uint64_t, std::string>>;

void encode_rows(Encoder& out, const NumberedRows& rows) {
  out.u64(rows.size());
  for (const auto& [number, row] : rows) {
    out.u64(number);
    out.text(row);
  }
}

NumberedRows decode_rows(Decoder& in) {
  NumberedRows rows;
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    const std::uint64_t number = in.u64();
    rows.emplace_back(number, in.text());
  }
  return rows;
}

}  // namespace

std::string encode(const LedgerRecord& record) {
  std::string bytes;
  bytes.reserve(64 + record.state.size() + record.entries.size());
  Encoder out(bytes);
  out.u8(record_version);
  out.u8(ledger_kind);
  out.text(record.state);
  out.text(record.entries);
  out.u64(record.first_entry);
  out.u64(record.last_entry);
  encode_rows(out, record.lots);
  encode_rows(out, record.holds);
  return bytes;
}

bool is_ledger_record(std::string_view bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == static_cast<char>(record_version) &&
         bytes[1] == static_cast<char>(ledger_kind);
}

Result<LedgerRecord> decode_ledger_record(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != record_version || in.u8() != ledger_kind)
    return fail(Errc::corrupt, "journal record of an unknown version or kind");
  LedgerRecord record;
  record.state = in.text();
  record.entries = in.text();
  record.first_entry = in.u64();
  record.last_entry = in.u64();
  record.lots = decode_rows(in);
  record.holds = decode_rows(in);
  if (!in.done()) return fail(Errc::corrupt, "journal record is cut short or too long");
  return record;
}

std::string encode(const UsageRecord& record) {
  std::string bytes;
  bytes.reserve(16 + record.events.size() * 128);
  Encoder out(bytes);
  out.u8(record_version);
  out.u8(record.reversal ? reversal_kind : usage_kind);
  out.i64(record.arrived_at.ms());
  out.u64(record.events.size());
  for (const ChargedEvent& event : record.events) encode_event(out, event);
  return bytes;
}

Result<UsageRecord> decode_usage_record(std::string_view bytes) {
  Decoder in(bytes);
  UsageRecord record;
  const std::uint8_t version = in.u8();
  const std::uint8_t kind = in.u8();
  record.reversal = kind == reversal_kind;
  if (version != record_version || (kind != usage_kind && kind != reversal_kind))
    return fail(Errc::corrupt, "journal record of an unknown version or kind");
  record.arrived_at = UtcTime::from_ms(in.i64());
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) record.events.push_back(decode_event(in));
  if (!in.done()) return fail(Errc::corrupt, "journal record is cut short or too long");
  return record;
}

}  // namespace tally::storage

#include "core/ledger_entry.h"

#include "core/entry_figures.h"
#include "core/row.h"

namespace tally {
namespace {

// A block begins with the prev_hash of its first entry, unless it continues the block before it.
constexpr std::uint8_t block_version = 1;
constexpr std::uint8_t continued_block_version = 2;

std::string_view view_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest read_digest(Decoder& in) {
  Digest digest{};
  const std::string_view bytes = in.raw(digest.size());
  if (in.ok()) std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

void write_fields(Encoder& out, const LedgerEntry& entry) {
  out.u64(entry.seq);
  write_enum(out, entry.type);
  write_credits(out, entry.amount);
  write_credits(out, entry.balance_after);
  write_time(out, entry.created_at);
  out.text(entry.endpoint);
  out.text(entry.event_source);
  out.text(entry.event_id);
  out.u64(entry.hold);
  out.u64(entry.price_version);
  out.u64(entry.reverses);
  out.u64(entry.lots.size());
  for (const LotShare& share : entry.lots) {
    out.u64(share.lot);
    write_credits(out, share.amount);
  }
  out.text(entry.description);
  out.text(entry.reference);
  out.text(entry.metadata);
}

LedgerEntry read_fields(Decoder& in) {
  LedgerEntry entry;
  entry.seq = in.u64();
  entry.type = read_enum(in, EntryType::reversal);
  entry.amount = read_credits(in);
  entry.balance_after = read_credits(in);
  entry.created_at = read_time(in);
  entry.endpoint = in.text();
  entry.event_source = in.text();
  entry.event_id = in.text();
  entry.hold = in.u64();
  entry.price_version = read_u32(in);
  entry.reverses = in.u64();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    LotShare share;
    share.lot = in.u64();
    share.amount = read_credits(in);
    entry.lots.push_back(share);
  }
  entry.description = in.text();
  entry.reference = in.text();
  entry.metadata = in.text();
  return entry;
}

// The same fields in the same order, of which most are passed over.
void read_figures(Decoder& in, EntryFigures& figures) {
  figures.seq = in.u64();
  figures.type = read_enum(in, EntryType::reversal);
  figures.amount = read_credits(in);
  figures.balance_after = read_credits(in);
  figures.created_at = read_time(in);
  for (int texts = 3; texts > 0; --texts) in.text();  // endpoint, event_source, event_id
  in.u64();                                           // hold
  read_u32(in);                                       // price_version
  in.u64();                                           // reverses
  figures.in_lots = Credits();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    in.u64();
    figures.in_lots = add_saturating(figures.in_lots, read_credits(in));
  }
  for (int texts = 3; texts > 0; --texts) in.text();  // description, reference, metadata
}

}  // namespace

std::string to_hex(const Digest& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    hex.push_back(digits[byte >> 4]);
    hex.push_back(digits[byte & 15]);
  }
  return hex;
}

std::string_view to_string(EntryType type) noexcept {
  switch (type) {
    case EntryType::grant:
      return "grant";
    case EntryType::debit:
      return "debit";
    case EntryType::adjustment:
      return "adjustment";
    case EntryType::expiry:
      return "expiry";
    case EntryType::reversal:
      return "reversal";
  }
  return "unknown";
}

EntryFigures figures_of(const LedgerEntry& entry) noexcept {
  EntryFigures figures{entry.seq, entry.type, entry.amount, entry.balance_after, entry.created_at, {}};
  for (const LotShare& share : entry.lots) figures.in_lots = add_saturating(figures.in_lots, share.amount);
  return figures;
}

Digest chain_start(const AccountId& account, HashFunction hash) {
  return hash(account.str());
}

Digest hash_of(const LedgerEntry& entry, HashFunction hash) {
  std::string bytes;
  bytes.reserve(256);
  bytes += view_of(entry.prev_hash);
  Encoder out(bytes);
  write_fields(out, entry);
  return hash(bytes);
}

std::string encode(std::span<const LedgerEntry> entries) {
  std::string bytes;
  bytes.reserve(48 + 160 * entries.size());
  Encoder out(bytes);
  out.u8(block_version);
  out.u64(entries.size());
  if (!entries.empty()) out.raw(view_of(entries.front().prev_hash));
  for (const LedgerEntry& entry : entries) {
    write_fields(out, entry);
    out.raw(view_of(entry.hash));
  }
  return bytes;
}

void append_entries(std::string& row, std::string_view later) {
  if (row.empty()) {
    row = later;
    return;
  }
  Decoder in(later);
  in.u8();
  const std::uint64_t count = in.u64();
  in.raw(std::tuple_size_v<Digest>);
  Encoder out(row);
  out.u8(continued_block_version);
  out.u64(count);
  out.raw(in.rest());
}

Result<std::vector<LedgerEntry>> decode_ledger_entries(std::string_view bytes) {
  Decoder in(bytes);
  std::vector<LedgerEntry> entries;
  do {
    const std::uint8_t version = in.u8();
    std::uint64_t left = in.u64();
    Digest prev{};
    if (version == block_version && left > 0) {
      prev = read_digest(in);
    } else if (version == continued_block_version && !entries.empty()) {
      prev = entries.back().hash;
    } else {
      in.reject();
    }
    for (; left > 0 && in.ok(); --left) {
      LedgerEntry entry = read_fields(in);
      entry.prev_hash = prev;
      entry.hash = prev = read_digest(in);
      entries.push_back(std::move(entry));
    }
  } while (in.ok() && !in.done());
  if (!in.done()) return fail(Errc::corrupt, "a row of ledger entries cannot be read");
  return entries;
}

EntryFiguresReader::EntryFiguresReader(std::string_view bytes) : in_(bytes) {
  begin_block();
}

void EntryFiguresReader::begin_block() {
  const std::uint8_t version = in_.u8();
  left_ = in_.u64();
  if (version == block_version && left_ > 0) {
    in_.raw(std::tuple_size_v<Digest>);
  } else if (version != continued_block_version || first_) {
    in_.reject();
  }
}

const EntryFigures* EntryFiguresReader::next() {
  while (in_.ok() && left_ == 0 && !in_.rest().empty()) begin_block();
  if (!in_.ok() || left_ == 0) return nullptr;
  --left_;
  first_ = false;
  read_figures(in_, figures_);
  in_.raw(std::tuple_size_v<Digest>);
  return in_.ok() ? &figures_ : nullptr;
}

}  // namespace tally

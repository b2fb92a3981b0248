// Ledger entries: what changed an account's balance, by how much, and why. Appended, never edited; each is chained to
// the one before by its hash.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/credits.h"
#include "core/ids.h"
#include "core/result.h"
#include "core/time.h"

namespace tally {

using Digest = std::array<std::uint8_t, 32>;
// SHA-256, given by the caller: core links no library that has it.
using HashFunction = Digest (*)(std::string_view bytes);
std::string to_hex(const Digest& digest);

enum class EntryType : std::uint8_t { grant = 1, debit, adjustment, expiry, reversal };
std::string_view to_string(EntryType type) noexcept;

// What an entry added to a lot; negative: took from it.
struct LotShare {
  std::uint64_t lot = 0;
  Credits amount;
  friend bool operator==(const LotShare&, const LotShare&) = default;
};

struct LedgerEntry {
  std::uint64_t seq = 0;  // from 1, without a gap
  EntryType type = EntryType::grant;
  Credits amount;  // signed; it is the sum of `lots` and of what the open debt changed by
  Credits balance_after;
  UtcTime created_at;        // never before that of the entry before
  std::string endpoint;      // of a debit
  std::string event_source;  // the usage event that was charged, or whose charge is reversed
  std::string event_id;      // empty: no event
  std::uint64_t hold = 0;    // that was settled; 0: none
  std::uint32_t price_version = 0;
  std::uint64_t reverses = 0;  // the debit's seq, of a reversal
  std::vector<LotShare> lots;
  std::string description;
  std::string reference;
  std::string metadata;  // a flat JSON object as text; may be empty
  Digest prev_hash{};
  Digest hash{};
  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

// The prev_hash of an account's first entry: the hash of its id, so that no chain fits another account.
Digest chain_start(const AccountId& account, HashFunction hash);
// SHA-256 over prev_hash and the entry's fields from seq to metadata, in the order above, as core/codec.h writes them:
// seq u64, type u8, amount i64, balance_after i64, created_at i64 (ms), endpoint, event_source, event_id as text, hold,
// price_version, reverses u64, the number of lots u64, each as u64 and i64, description, reference, metadata as text.
Digest hash_of(const LedgerEntry& entry, HashFunction hash);

// Stored entries are consecutive: one or more blocks, each of the entries that one command posted.
std::string encode(std::span<const LedgerEntry> entries);
// Appends the bytes of later entries, which must follow on those in `row`.
void append_entries(std::string& row, std::string_view later);
// Errc::corrupt when the bytes are no entries. The hashes are read, not checked.
Result<std::vector<LedgerEntry>> decode_ledger_entries(std::string_view bytes);

}  // namespace tally

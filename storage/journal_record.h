// Journal records: the usage events of one account that one command accepted, as they were charged, or the one event
// whose charge and counts a command took back; and what a command changed in the account's ledger.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/result.h"

namespace tally::storage {

struct ChargedEvent {
  UsageEvent event;  // without the account, which the journal keeps beside the record
  Credits charged;
  std::string category;
  std::uint32_t price_version = 0;
  std::uint64_t entry = 0;  // seq of the debit in the account's ledger; 0: nothing was debited
};

struct UsageRecord {
  UtcTime arrived_at;
  bool reversal = false;  // the events count negative
  std::vector<ChargedEvent> events;
};

// The rows of the ledger that a command changed, as they are stored.
struct LedgerRecord {
  std::string state;
  std::string entries;            // empty, or a block of them
  std::uint64_t first_entry = 0;  // the seqs of the block
  std::uint64_t last_entry = 0;
  std::vector<std::pair<std::uint64_t, std::string>> lots;   // by number
  std::vector<std::pair<std::uint64_t, std::string>> holds;  // by number; later ones over earlier ones
};

// The row of Table::meta that tells a start from where on it must read the journal.
inline constexpr std::string_view replay_from_row = "meter_replay_from";

// The row of Table::meter that tells the position which an account's ledger rows include.
inline constexpr std::string_view ledger_through_key = "ledger";

std::string encode(const LedgerRecord& record);
bool is_ledger_record(std::string_view bytes) noexcept;
Result<LedgerRecord> decode_ledger_record(std::string_view bytes);

std::string encode(const UsageRecord& record);
Result<UsageRecord> decode_usage_record(std::string_view bytes);

}  // namespace tally::storage

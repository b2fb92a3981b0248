// A journal record: the usage events of one account that one command accepted, as they were charged; or the one event
// whose charge and counts a command took back.
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

std::string encode(const UsageRecord& record);
Result<UsageRecord> decode_usage_record(std::string_view bytes);

}  // namespace tally::storage

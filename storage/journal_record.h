// A journal record: the usage events of one account that one command accepted, as they were charged.
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
};

struct UsageRecord {
  UtcTime arrived_at;
  std::vector<ChargedEvent> events;
};

std::string encode(const UsageRecord& record);
Result<UsageRecord> decode_usage_record(std::string_view bytes);

}  // namespace tally::storage

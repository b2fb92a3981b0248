// Deliveries that are there before the server starts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/time.h"

namespace tally::tools::bench {

inline constexpr std::uint32_t outbox_accounts = 16;  // account_name(0) and on, to be created before

struct OutboxEntry {
  std::string url;
  std::string body;
  UtcTime due;
};

// Pending deliveries, as finished jobs leave them, to the store at `data`, which no server has open.
void fill_outbox(const std::string& data, std::uint64_t deliveries,
                 const std::function<OutboxEntry(std::uint64_t number)>& entry);

}  // namespace tally::tools::bench

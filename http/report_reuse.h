// The results of reports over one account, for as long as they stay what they are: an equal order over equal data takes
// over the result of the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "http/recently_used.h"

namespace tally::http {

// What an account's report depends on. Each part only grows.
struct DataVersion {
  std::uint64_t usage = 0;   // the account's place in the journal
  std::uint64_t ledger = 0;  // the seq of its last entry
  std::uint64_t prices = 0;  // the version of the price list
  friend bool operator==(const DataVersion&, const DataVersion&) = default;
};

// Thread-safe. Holds at most `bytes_max` of results, the latest used ones, and none that is larger than a part.
class ReportReuse {
 public:
  explicit ReportReuse(std::size_t bytes_max = 8 << 20) : results_(bytes_max) {}

  // The stored result of such an order over such data. A version is to be read before the data is.
  std::optional<std::string> find(const AccountId& account, std::string_view order, const DataVersion& version);
  void keep(const AccountId& account, std::string_view order, const DataVersion& version, std::string_view result);

 private:
  struct Known {
    DataVersion version;
    std::string result;
  };

  std::mutex mutex_;
  RecentlyUsed<Known> results_;
};

}  // namespace tally::http

// The results of reports over one account, for as long as they stay what they are: an equal order over equal data takes
// over the result of the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/ids.h"

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
  explicit ReportReuse(std::size_t bytes_max = 8 << 20) : bytes_max_(bytes_max) {}

  // The stored result of such an order over such data. A version is to be read before the data is.
  std::optional<std::string> find(const AccountId& account, std::string_view order, const DataVersion& version);
  void keep(const AccountId& account, std::string_view order, const DataVersion& version, std::string_view result);

 private:
  struct Entry {
    std::string key;
    DataVersion version;
    std::string result;
  };
  using Entries = std::list<Entry>;
  void drop(Entries::iterator entry);

  const std::size_t bytes_max_;
  std::mutex mutex_;
  Entries entries_;                                                 // the latest used first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  // views into the entries' keys
  std::size_t bytes_ = 0;
};

}  // namespace tally::http

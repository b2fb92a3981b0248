// The bodies of polls of finished reports, for a short while: those who poll tend to ask again, and the answer cannot
// change.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"
#include "core/job.h"

namespace tally::http {

// Thread-safe. Holds at most `bytes_max` of bodies, the latest used ones, each for a minute: so much longer than its
// report a body may live.
class FinishedAnswers {
 public:
  explicit FinishedAnswers(const Clock& clock, std::size_t bytes_max = 4 << 20)
      : clock_(clock), bytes_max_(bytes_max) {}

  // Null: not here.
  std::shared_ptr<const std::string> find(Dialect dialect, const AccountId& account, std::string_view id);
  void keep(const Job& job, std::string body);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const std::string> body;
    UtcTime until;
  };
  using Entries = std::list<Entry>;
  void drop(Entries::iterator entry);

  const Clock& clock_;
  const std::size_t bytes_max_;
  std::mutex mutex_;
  Entries entries_;                                                 // the latest used first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  // views into the entries' keys
  std::size_t bytes_ = 0;
};

}  // namespace tally::http

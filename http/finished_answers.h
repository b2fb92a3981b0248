// The bodies of polls of finished reports, for a short while: those who poll tend to ask again, and the answer cannot
// change.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/job.h"
#include "http/recently_used.h"

namespace tally::http {

// Thread-safe. Holds at most `bytes_max` of bodies, the latest used ones, each for a minute: so much longer than its
// report a body may live.
class FinishedAnswers {
 public:
  explicit FinishedAnswers(const Clock& clock, std::size_t bytes_max = 4 << 20) : clock_(clock), answers_(bytes_max) {}

  // Null: not here.
  std::shared_ptr<const std::string> find(Dialect dialect, const AccountId& account, std::string_view id);
  void keep(const Job& job, std::string body);

 private:
  struct Answer {
    std::shared_ptr<const std::string> body;
    UtcTime until;
  };

  const Clock& clock_;
  std::mutex mutex_;
  RecentlyUsed<Answer> answers_;
};

}  // namespace tally::http

// Hashing passwords: Argon2id, away from the I/O thread, a few at once, in order for each login.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/result.h"

namespace tally::http {

// What one hash costs. The stored text names its own cost, so that a later change leaves old hashes good.
struct PasswordCost {
  unsigned long long passes = 2;
  std::size_t memory_bytes = 64 << 20;  // libsodium's "interactive": about 60 ms of a core
};

struct PasswordLimits {
  std::size_t at_once_max = 1;    // bounds memory and leaves workers for others
  std::size_t waiting_max = 200;  // of all lanes
  std::size_t per_lane_max = 20;
};

// Thread-safe.
class Passwords {
 public:
  using Executor = std::function<void(std::function<void()>)>;

  // Errc::exhausted when there is no memory for it.
  static Result<std::string> hash(std::string_view password, const PasswordCost& cost);

  // Work runs on `elsewhere`.
  Passwords(PasswordCost cost, PasswordLimits limits, Executor elsewhere);

  Result<std::string> hash(std::string_view password) const { return hash(password, cost_); }
  bool matches(std::string_view password, const std::string& hash) const;
  // Takes as long as matches() and says no: for a login that does not exist.
  bool matches_nothing(std::string_view password) const;

  // Ends a piece of work: the lane's next may begin. Dropping the last copy does the same.
  using Release = std::shared_ptr<void>;
  using Work = std::function<void(Release)>;
  enum class Queued : std::uint8_t { yes = 1, lane_full, all_full };
  // Runs `work` elsewhere, after all that was queued for `lane` has been released.
  Queued enqueue(const std::string& lane, Work work);

 private:
  void run_next();
  void finish(const std::string& lane);

  const PasswordCost cost_;
  const PasswordLimits limits_;
  const Executor elsewhere_;
  const std::string hash_of_nothing_;

  std::mutex mutex_;
  std::unordered_map<std::string, std::deque<Work>> lanes_;  // the front of each is under way or ready
  std::deque<std::string> ready_;                            // lanes whose front waits for a place to run
  std::size_t running_ = 0;
  std::size_t queued_ = 0;
};

}  // namespace tally::http

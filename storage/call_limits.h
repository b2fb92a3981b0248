// Calls counted against the limits of keys. Counting happens in memory, because every call of a limited key counts;
// what was counted is written behind, so that a restart forgets none and a crash at most those of the last moments.
#pragma once

#include <array>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "core/clock.h"
#include "core/rate_limit.h"
#include "storage/writer.h"

namespace tally::storage {

// Thread-safe.
class CallLimits {
 public:
  CallLimits(const Store& store, Writer& writer, const Clock& clock) : store_(store), writer_(writer), clock_(clock) {}

  // Reads what was counted in windows that still last; call once, first.
  Result<void> recover();

  // Counts a call unless a limit refuses it. Without limits nothing is counted.
  RateState take(const AccountId& account, const KeyId& key, const RateLimits& limits);

  // The same within a command of the key's account: what is counted is part of its commit. A call that the limits
  // permit is put to `decide`, which must not call back; only if that says yes too it counts. Otherwise the answer is
  // the state before it, with `allowed` as the limits said.
  RateState take(AccountTx& tx, const KeyId& key, const RateLimits& limits, const std::function<bool()>& decide);

  // Writes what was counted since the last time; call every two seconds or so.
  void tick();
  // After the writer's stop nothing is left in memory alone.
  void flush_all() { tick(); }

 private:
  struct Counted {
    AccountId account;
    RateWindow window;
    bool unwritten = false;
  };
  struct Stripe {
    std::mutex mutex;
    std::unordered_map<KeyId, Counted> keys;
  };
  Stripe& stripe_of(const KeyId& key) { return stripes_[std::hash<KeyId>{}(key) % stripes_.size()]; }
  void write(AccountTx& tx, const KeyId& key);

  const Store& store_;
  Writer& writer_;
  const Clock& clock_;
  std::array<Stripe, 16> stripes_;
};

}  // namespace tally::storage

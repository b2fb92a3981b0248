#include "storage/call_limits.h"

#include <map>
#include <memory>
#include <vector>

namespace tally::storage {

Result<void> CallLimits::recover() {
  std::optional<Error> broken;
  const auto read = [&](std::string_view account, std::string_view key, std::string_view row) {
    const auto window = decode_rate_window(row);
    if (!window) {
      broken = window.error();
      return false;
    }
    if (window->is_over(clock_.now())) return true;
    KeyId id{std::string(key)};
    Stripe& stripe = stripe_of(id);
    const std::lock_guard lock(stripe.mutex);
    stripe.keys[std::move(id)] = Counted{AccountId(std::string(account)), *window};
    return true;
  };
  if (auto scanned = store_.scan_all(Table::rate_window, AccountId(), read); !scanned) return scanned;
  if (broken) return *broken;
  return {};
}

RateState CallLimits::take(const AccountId& account, const KeyId& key, const RateLimits& limits) {
  if (limits.none()) return {};
  Stripe& stripe = stripe_of(key);
  const std::lock_guard lock(stripe.mutex);
  Counted& counted = stripe.keys[key];
  counted.account = account;
  const RateState state = counted.window.take(limits, clock_.now());
  if (state.allowed) counted.unwritten = true;
  return state;
}

RateState CallLimits::take(AccountTx& tx, const KeyId& key, const RateLimits& limits,
                           const std::function<bool()>& decide) {
  if (limits.none()) {
    decide();
    return {};
  }
  Stripe& stripe = stripe_of(key);
  const std::lock_guard lock(stripe.mutex);
  Counted& counted = stripe.keys[key];
  counted.account = tx.account();
  RateWindow after = counted.window;
  RateState state = after.take(limits, clock_.now());
  if (!state.allowed) return state;
  if (!decide()) {
    ++state.remaining;
    return state;
  }
  counted.window = after;
  counted.unwritten = false;
  tx.put(Table::rate_window, key.str(), encode(after));
  return state;
}

void CallLimits::tick() {
  std::map<AccountId, std::vector<KeyId>> unwritten;
  const UtcTime now = clock_.now();
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    for (auto it = stripe.keys.begin(); it != stripe.keys.end();) {
      if (it->second.unwritten) {
        unwritten[it->second.account].push_back(it->first);
        it->second.unwritten = false;
        ++it;
      } else {
        it = it->second.window.is_over(now) ? stripe.keys.erase(it) : std::next(it);
      }
    }
  }
  for (auto& [account, keys] : unwritten) {
    const auto command = [this, keys = std::move(keys)](AccountTx& tx) -> Result<void> {
      for (const KeyId& key : keys) write(tx, key);
      return {};
    };
    // Refused only while the disk is full or the server stops; then the calls stay counted in memory.
    writer_.post(account, command, Durability::relaxed, nullptr);
  }
}

void CallLimits::write(AccountTx& tx, const KeyId& key) {
  Stripe& stripe = stripe_of(key);
  const std::lock_guard lock(stripe.mutex);
  const auto counted = stripe.keys.find(key);
  if (counted != stripe.keys.end()) tx.put(Table::rate_window, key.str(), encode(counted->second.window));
}

}  // namespace tally::storage

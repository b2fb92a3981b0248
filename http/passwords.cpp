#include "http/passwords.h"

#include <sodium/core.h>
#include <sodium/crypto_pwhash.h>

#include <array>
#include <cassert>

namespace tally::http {
namespace {

// Before the first hash and the first match: libsodium chooses what this processor is quickest at.
void use_sodium() {
  static const int ready = sodium_init();
  assert(ready >= 0);
}

// Text that is verified as any hash of that cost is, salt and sum being zeros that no password was hashed to: made
// without the work and the memory of a real one, which every start would pay.
std::string hash_of_nothing(const PasswordCost& cost) {
  const std::string text = "$argon2id$v=19$m=" + std::to_string(cost.memory_bytes / 1024) +
                           ",t=" + std::to_string(cost.passes) + ",p=1$" + std::string(22, 'A') + "$" +
                           std::string(43, 'A');
  assert(crypto_pwhash_str_needs_rehash(text.c_str(), cost.passes, cost.memory_bytes) == 0);
  return text;
}

}  // namespace

Result<std::string> Passwords::hash(std::string_view password, const PasswordCost& cost) {
  use_sodium();
  std::array<char, crypto_pwhash_STRBYTES> text{};
  if (crypto_pwhash_str_alg(text.data(), password.data(), password.size(), cost.passes, cost.memory_bytes,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(Errc::exhausted, "no memory to hash a password");
  }
  return std::string(text.data());
}

Passwords::Passwords(PasswordCost cost, PasswordLimits limits, Executor elsewhere)
    : cost_(cost), limits_(limits), elsewhere_(std::move(elsewhere)), hash_of_nothing_(hash_of_nothing(cost)) {
  use_sodium();
}

bool Passwords::matches(std::string_view password, const std::string& hash) const {
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

bool Passwords::matches_nothing(std::string_view password) const {
  static_cast<void>(matches(password, hash_of_nothing_));
  return false;
}

Passwords::Queued Passwords::enqueue(const std::string& lane, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (queued_ >= limits_.waiting_max) return Queued::all_full;
    const auto known = lanes_.find(lane);
    if (known != lanes_.end() && known->second.size() >= limits_.per_lane_max) return Queued::lane_full;
    const bool behind_another = known != lanes_.end();
    ++queued_;
    lanes_[lane].push_back(std::move(work));
    if (behind_another) return Queued::yes;
    ready_.push_back(lane);
  }
  run_next();
  return Queued::yes;
}

void Passwords::run_next() {
  std::string lane;
  {
    const std::lock_guard lock(mutex_);
    if (running_ >= limits_.at_once_max || ready_.empty()) return;
    ++running_;
    lane = std::move(ready_.front());
    ready_.pop_front();
  }
  elsewhere_([this, lane] {
    Work work;
    {
      const std::lock_guard lock(mutex_);
      work = std::move(lanes_.at(lane).front());
    }
    work(Release(nullptr, [this, lane](std::nullptr_t) { finish(lane); }));
  });
}

void Passwords::finish(const std::string& lane) {
  {
    const std::lock_guard lock(mutex_);
    --running_;
    --queued_;
    const auto done = lanes_.find(lane);
    done->second.pop_front();
    if (done->second.empty()) {
      lanes_.erase(done);
    } else {
      ready_.push_back(lane);
    }
  }
  run_next();
}

}  // namespace tally::http

// Who is calling: API keys and the operator's token, checked in one place for every dialect.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/account.h"
#include "core/clock.h"
#include "http/request.h"
#include "storage/directory.h"

namespace tally::http {

struct Caller {
  std::shared_ptr<const ApiKey> key;
  std::shared_ptr<const Account> account;
  RateState rate;
};

// Why a call is refused, in the order of the checks: a wrong secret is told before a disabled key is.
enum class Refused : std::uint8_t {
  missing_key = 1,
  unknown_key,
  missing_secret,
  wrong_secret,
  disabled,
  expired,
  wrong_address,
  rate_limited,
};
struct Refusal {
  Refused why;
  RateState rate;  // when rate_limited
};

// What the caller sent, from whichever header or body the dialect reads.
struct Presented {
  std::optional<std::string_view> key;
  std::optional<std::string_view> secret;
};

// A key's secret texts; shown once, then only their keyed hashes exist.
struct IssuedKey {
  ApiKey record;
  std::string key;
  std::string secret;  // empty for a token
};

// Thread-safe.
class Credentials {
 public:
  // `hash_key` (32 bytes, kept outside the store) turns secrets into the hashes that are stored.
  Credentials(storage::Directory& directory, Clock& clock, Random& random, std::string hash_key,
              std::vector<Cidr> trusted_proxies);

  // Checks key, secret, status, address and limits; counts the call against the limits. `secret_required` makes token
  // keys unacceptable. `default_limits` hold for a key that has none of its own.
  std::variant<Caller, Refusal> check(const Request& request, const Presented& presented, bool secret_required,
                                      const RateLimits& default_limits);

  // A new record with `id`, `identity`, hashes and `created_at`; the rest is the caller's to fill in.
  IssuedKey issue(KeyKind kind) const;

  // The socket's peer, or behind trusted proxies the rightmost untrusted hop of X-Forwarded-For.
  IpAddress client_address(const Request& request) const;

  // In constant time.
  bool matches(std::string_view presented, std::string_view expected) const;

  // Text that shows a secret, made fit for the store: only this server's hash key opens it. Errc::corrupt: it does not.
  std::string seal(std::string_view text) const;
  Result<std::string> unseal(std::string_view sealed) const;

 private:
  std::string hash(std::string_view text) const;
  RateState take(const ApiKey& key, const RateLimits& limits);

  storage::Directory& directory_;
  Clock& clock_;
  Random& random_;
  std::string hash_key_;
  std::vector<Cidr> trusted_proxies_;
  struct Windows {
    std::mutex mutex;
    std::unordered_map<KeyId, RateWindow> by_key;
  };
  std::array<Windows, 16> windows_;
};

// X-API-Key and X-API-Secret, or else `Authorization: Bearer`.
Presented presented_in_headers(const Request& request);

// RateLimit-* and X-RateLimit-*, and Retry-After when refused; nothing for a key without limits.
void add_rate_headers(Response& response, const RateState& rate);

}  // namespace tally::http

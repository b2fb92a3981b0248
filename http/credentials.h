// Who is calling: API keys and the operator's token, checked in one place for every dialect.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/account.h"
#include "core/clock.h"
#include "http/request.h"
#include "storage/call_limits.h"
#include "storage/directory.h"

namespace tally::http {

struct Caller {
  std::shared_ptr<const ApiKey> key;  // null: a login of the account itself
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
  wrong_scope,
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

// What a route asks of a credential. `secret_required` makes token keys unacceptable; `default_limits` hold for a key
// that has none of its own, and for logins.
struct Demand {
  Scope scope = Scope::account;
  bool secret_required = false;
  RateLimits default_limits{};
};

// tally: "tly_<24 digits>_<48 digits>"; ru_v2: "ru_v2_<12 characters>_<32 characters>", as Rich Utilities shows them.
enum class KeyFormat : std::uint8_t { tally = 1, ru_v2 };

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
  Credentials(storage::Directory& directory, storage::CallLimits& limits, Clock& clock, Random& random,
              std::string hash_key, std::vector<Cidr> trusted_proxies);

  // What else than a key may say who calls: the account of a login token (`Authorization: Bearer`), the key behind an
  // access token (`accessToken`). Any error: the token is not valid. Set before the server runs.
  using LoginReader = std::function<Result<AccountId>(std::string_view token, UtcTime now)>;
  using AccessTokenReader = std::function<Result<KeyId>(std::string_view token, UtcTime now)>;
  void set_login_reader(LoginReader reader) { login_reader_ = std::move(reader); }
  void set_access_token_reader(AccessTokenReader reader) { access_token_reader_ = std::move(reader); }

  // The credential of a route that takes any, from any header: X-API-Key (and X-API-Secret), `Authorization: Bearer`
  // with a key or a login, `accessToken`. Checks and counts as check() does.
  std::variant<Caller, Refusal> check_any(const Request& request, const Demand& demand);

  // Checks key, secret, status, address, scope and limits; counts the call against the limits.
  std::variant<Caller, Refusal> check(const Request& request, const Presented& presented, const Demand& demand);
  // The same for a key that something else than its text has named.
  std::variant<Caller, Refusal> check_key(const Request& request, const KeyId& id, const Demand& demand);
  // The same for a login of the account.
  std::variant<Caller, Refusal> check_login(const AccountId& account, const Demand& demand);

  // The parts of check(): whose the texts are (missing_key … wrong_secret), and whether that key may be used now, from
  // there, for that (unknown_key, disabled … wrong_scope).
  std::variant<storage::Directory::KeyPtr, Refused> recognise(const Presented& presented, bool secret_required) const;
  std::optional<Refused> judge(const ApiKey& key, const IpAddress& client, Scope scope) const;

  // A new record with `id`, `identity`, hashes and `created_at`; the rest is the caller's to fill in.
  IssuedKey issue(KeyKind kind, KeyFormat format = KeyFormat::tally) const;

  // The socket's peer, or behind trusted proxies the rightmost untrusted hop of X-Forwarded-For.
  IpAddress client_address(const Request& request) const;

  // In constant time.
  bool matches(std::string_view presented, std::string_view expected) const;

  // Text that shows a secret, made fit for the store: only this server's hash key opens it. Errc::corrupt: it does not.
  std::string seal(std::string_view text) const;
  Result<std::string> unseal(std::string_view sealed) const;

 private:
  std::string hash(std::string_view text) const;
  std::variant<Caller, Refusal> admit(storage::Directory::KeyPtr key, const Request& request, const Demand& demand);

  storage::Directory& directory_;
  storage::CallLimits& limits_;
  Clock& clock_;
  Random& random_;
  std::string hash_key_;
  std::vector<Cidr> trusted_proxies_;
  LoginReader login_reader_;
  AccessTokenReader access_token_reader_;
};

// What follows "Bearer " in `Authorization`, or nothing.
std::optional<std::string_view> bearer_in(const Request& request);

// RateLimit-* and X-RateLimit-*, and Retry-After when refused; nothing for a key without limits.
void add_rate_headers(Response& response, const RateState& rate);

}  // namespace tally::http

// JSON web tokens: RFC 7515 and 7519 in their compact form, believed as RFC 8725 says.
//
// The header says which key a token claims (`kid`), the key says which algorithm is used. `none`, keys inside a token,
// and extensions (`crit`) are not understood, so they are refused. No member may occur twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "http/json.h"
#include "http/signing_key.h"

namespace tally::http {

inline constexpr std::size_t jwt_bytes_max = 8'192;
inline constexpr std::size_t jwk_set_bytes_max = 256 * 1024;
inline constexpr std::size_t jwk_set_keys_max = 100;
// An issuer's clock may be ahead of ours by this much, for `nbf` and `iat`. `exp` has no allowance.
inline constexpr std::int64_t jwt_clock_skew_ms = 5 * second_ms;

struct NamedKey {
  std::string id;
  SigningKey key;
};

// Keys by their ids.
class JwtKeySet {
 public:
  JwtKeySet() = default;
  explicit JwtKeySet(std::vector<NamedKey> keys) : keys_(std::move(keys)) {}

  // A JWK Set (RFC 7517): Ed25519, P-256, RSA and symmetric keys for EdDSA, ES256, RS256 and HS256. Left out are keys
  // that are for something else (another `kty`, `crv`, `alg`, `use` or `key_ops`) and those without a `kid`.
  // Errc::invalid_argument names the key that is malformed, too weak, or has the `kid` of another.
  static Result<JwtKeySet> parse(std::string text);

  const SigningKey* find(std::string_view id) const noexcept;  // null: there is none
  std::size_t size() const noexcept { return keys_.size(); }

 private:
  std::vector<NamedKey> keys_;
};

// A token taken apart; nothing in it is believed yet.
class Jwt {
 public:
  // Errc::invalid_argument unless it is three parts of strict base64url, the first two JSON objects.
  static Result<Jwt> parse(std::string_view text);

  std::string_view claimed_issuer() const noexcept;  // empty: it names none

  // Who may have issued it, to whom, and as what (`typ`, in lower case, without "application/").
  struct Expected {
    std::string_view issuer;
    std::string_view audience;
    std::vector<std::string_view> types;
  };
  // Believes the token or not. Required: `alg`, `kid` and `typ`; `iss`, `aud`, `sub` and `exp`. `nbf` and `iat` count
  // where they are given. Errc::invalid_argument, with rule `token_expired` if it is a good one that is too old, else
  // `invalid_token`.
  Result<void> verify(const JwtKeySet& keys, const Expected& expected, UtcTime now) const;

  // Of a token that was believed. Empty: it has no such text.
  std::string_view text_claim(std::string_view name) const noexcept;

 private:
  Result<void> verify_signature(const JwtKeySet& keys, const std::vector<std::string_view>& types) const;
  Result<void> verify_times(UtcTime now) const;

  std::string signed_part_;
  std::string signature_;
  JsonValue header_;
  JsonValue claims_;
};

// A signed token. `claims` is a JSON object; the key is an Ed25519 private one.
std::string sign_jwt(const NamedKey& key, std::string_view type, std::string_view claims);

// The `kid` of an Ed25519 key: its RFC 7638 thumbprint.
std::string thumbprint(const SigningKey& key);

}  // namespace tally::http

// Keys that sign and check JSON web tokens. Each is made for one algorithm and never used for another (RFC 8725, 3.1).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tally::http {

enum class JwtAlgorithm : std::uint8_t { eddsa = 1, es256, rs256, hs256 };
std::string_view to_string(JwtAlgorithm algorithm) noexcept;  // "EdDSA"

// Copies share the key. Thread-safe.
class SigningKey {
 public:
  // From a key's parts as big-endian bytes. Errc::invalid_argument for what is no such key, or too weak to be trusted.
  static Result<SigningKey> ed25519_public(std::string_view x);
  static Result<SigningKey> ed25519_private(std::string_view seed);  // 32 bytes
  static Result<SigningKey> p256_public(std::string_view x, std::string_view y);
  // A modulus of 2,048 to 8,192 bits, an odd exponent of 3 to 64 bits.
  static Result<SigningKey> rsa_public(std::string_view n, std::string_view e);
  static Result<SigningKey> hmac(std::string_view secret);  // 32 to 1,024 bytes

  JwtAlgorithm algorithm() const noexcept;
  // Whether `signature`, in the form of RFC 7518, is this key's for `text`.
  bool verifies(std::string_view text, std::string_view signature) const;

  // Of an Ed25519 key.
  std::string public_bytes() const;
  std::string sign(std::string_view text) const;  // of a private one

 private:
  struct Material;
  explicit SigningKey(std::shared_ptr<const Material> material) : material_(std::move(material)) {}
  static Result<SigningKey> of(JwtAlgorithm algorithm, void* key);
  std::shared_ptr<const Material> material_;
};

}  // namespace tally::http

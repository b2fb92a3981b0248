// Issuers of tokens for tests: keys of every kind, their JWKs, and tokens signed with them, good or bad.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tally::http {

enum class MakerKind { ed25519, p256, rsa2048, rsa1024, hmac };

class JwtMaker {
 public:
  JwtMaker(MakerKind kind, std::string kid);
  ~JwtMaker();

  const std::string& kid() const noexcept { return kid_; }
  std::string algorithm() const;  // "EdDSA"
  // The public key; `more` are further members, such as R"("use":"sig")".
  std::string jwk(const std::string& more = {}) const;
  std::string header() const;  // {"alg":…,"kid":…,"typ":"JWT"}
  std::string signature(std::string_view text) const;
  // header.claims.signature of these JSON texts.
  std::string token(const std::string& header, const std::string& claims) const;
  std::string token(const std::string& claims) const { return token(header(), claims); }

 private:
  struct Key;
  MakerKind kind_;
  std::string kid_;
  std::unique_ptr<Key> key_;
};

std::string key_set(const std::string& jwks);  // {"keys":[…]}

}  // namespace tally::http

#include "tests/http/jwt_maker.h"

#include <doctest/doctest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "http/base64url.h"

namespace tally::http {
namespace {

const std::string hmac_secret = "a shared secret of forty bytes, no fewer!";

std::string number_of(EVP_PKEY* key, const char* name, std::size_t size = 0) {
  BIGNUM* number = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  std::string bytes(size == 0 ? static_cast<std::size_t>(BN_num_bytes(number)) : size, '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  BN_free(number);
  return bytes;
}

EVP_PKEY* make_key(MakerKind kind) {
  switch (kind) {
    case MakerKind::ed25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    case MakerKind::p256:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    case MakerKind::rsa2048:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048});
    case MakerKind::rsa1024:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024});
    case MakerKind::hmac:
      return nullptr;
  }
  return nullptr;
}

std::string member(const std::string& name, const std::string& bytes) {
  return ",\"" + name + "\":\"" + base64url(bytes) + "\"";
}

// DER to r and s, 32 bytes each.
std::string plain_ecdsa(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  REQUIRE(signature != nullptr);
  std::string plain(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), reinterpret_cast<unsigned char*>(plain.data()), 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), reinterpret_cast<unsigned char*>(plain.data()) + 32, 32);
  ECDSA_SIG_free(signature);
  return plain;
}

}  // namespace

struct JwtMaker::Key {
  EVP_PKEY* pkey = nullptr;
  ~Key() { EVP_PKEY_free(pkey); }
};

JwtMaker::JwtMaker(MakerKind kind, std::string kid) : kind_(kind), kid_(std::move(kid)), key_(std::make_unique<Key>()) {
  key_->pkey = make_key(kind);
}
JwtMaker::~JwtMaker() = default;

std::string JwtMaker::algorithm() const {
  switch (kind_) {
    case MakerKind::ed25519:
      return "EdDSA";
    case MakerKind::p256:
      return "ES256";
    case MakerKind::rsa2048:
    case MakerKind::rsa1024:
      return "RS256";
    case MakerKind::hmac:
      return "HS256";
  }
  return "";
}

std::string JwtMaker::jwk(const std::string& more) const {
  std::string json = "{\"kid\":\"" + kid_ + "\"";
  EVP_PKEY* key = key_->pkey;
  switch (kind_) {
    case MakerKind::ed25519: {
      std::string x(32, '\0');
      std::size_t size = x.size();
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(x.data()), &size);
      json += R"(,"kty":"OKP","crv":"Ed25519")" + member("x", x);
      break;
    }
    case MakerKind::p256:
      json += R"(,"kty":"EC","crv":"P-256")" + member("x", number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32)) +
              member("y", number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32));
      break;
    case MakerKind::rsa2048:
    case MakerKind::rsa1024:
      json += R"(,"kty":"RSA")" + member("n", number_of(key, OSSL_PKEY_PARAM_RSA_N)) +
              member("e", number_of(key, OSSL_PKEY_PARAM_RSA_E));
      break;
    case MakerKind::hmac:
      json += R"(,"kty":"oct")" + member("k", hmac_secret);
      break;
  }
  return json + (more.empty() ? "" : "," + more) + "}";
}

std::string JwtMaker::header() const {
  return R"({"alg":")" + algorithm() + R"(","kid":")" + kid_ + R"(","typ":"JWT"})";
}

std::string JwtMaker::signature(std::string_view text) const {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (kind_ == MakerKind::hmac) {
    std::string mac(32, '\0');
    HMAC(EVP_sha256(), hmac_secret.data(), static_cast<int>(hmac_secret.size()), bytes, text.size(),
         reinterpret_cast<unsigned char*>(mac.data()), nullptr);
    return mac;
  }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string made(1024, '\0');
  std::size_t size = made.size();
  const EVP_MD* digest = kind_ == MakerKind::ed25519 ? nullptr : EVP_sha256();
  REQUIRE(EVP_DigestSignInit(context, nullptr, digest, nullptr, key_->pkey) == 1);
  REQUIRE(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(made.data()), &size, bytes, text.size()) == 1);
  EVP_MD_CTX_free(context);
  made.resize(size);
  return kind_ == MakerKind::p256 ? plain_ecdsa(made) : made;
}

std::string JwtMaker::token(const std::string& header, const std::string& claims) const {
  const std::string text = base64url(header) + "." + base64url(claims);
  return text + "." + base64url(signature(text));
}

std::string key_set(const std::string& jwks) {
  return "{\"keys\":[" + jwks + "]}";
}

}  // namespace tally::http

#include "http/signing_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <array>
#include <cassert>

namespace tally::http {
namespace {

constexpr std::size_t ed25519_key_bytes = 32;
constexpr std::size_t ed25519_signature_bytes = 64;
constexpr std::size_t p256_coordinate_bytes = 32;
constexpr int rsa_bits_min = 2'048;
constexpr int rsa_bits_max = 8'192;
constexpr int rsa_exponent_bits_max = 64;
constexpr std::size_t hmac_key_bytes_min = 32;
constexpr std::size_t hmac_key_bytes_max = 1'024;

template <auto free_it>
struct Free {
  template <class T>
  void operator()(T* owned) const {
    free_it(owned);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using OpensslParams = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number(std::string_view big_endian) {
  return Number(BN_bin2bn(octets_of(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

Error weak(const char* why) {
  return fail(Errc::invalid_argument, why);
}

// The key that `params` describe, checked: a point on the curve, a modulus that is one.
Pkey key_of(const char* type, const OpensslParams& params) {
  const PkeyContext making(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !making || EVP_PKEY_fromdata_init(making.get()) != 1 ||
      EVP_PKEY_fromdata(making.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  Pkey key(made);
  const PkeyContext checking(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!checking || EVP_PKEY_public_check(checking.get()) != 1) return nullptr;
  return key;
}

// OpenSSL reads ECDSA signatures as DER; tokens carry r and s, 32 bytes each.
std::string der_of(std::string_view r_and_s) {
  const EcdsaSignature signature(ECDSA_SIG_new());
  Number r = number(r_and_s.substr(0, p256_coordinate_bytes));
  Number s = number(r_and_s.substr(p256_coordinate_bytes));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

bool hmac_matches(std::string_view secret, std::string_view text, std::string_view signature) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> expected{};
  unsigned int size = 0;
  if (!HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), octets_of(text), text.size(), expected.data(),
            &size)) {
    return false;
  }
  return signature.size() == size && CRYPTO_memcmp(signature.data(), expected.data(), size) == 0;
}

}  // namespace

struct SigningKey::Material {
  JwtAlgorithm algorithm;
  Pkey key;
  std::string secret;  // of an HMAC key
};

std::string_view to_string(JwtAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case JwtAlgorithm::eddsa:
      return "EdDSA";
    case JwtAlgorithm::es256:
      return "ES256";
    case JwtAlgorithm::rs256:
      return "RS256";
    case JwtAlgorithm::hs256:
      return "HS256";
  }
  return "unknown";
}

Result<SigningKey> SigningKey::of(JwtAlgorithm algorithm, void* key) {
  if (!key) return weak("is no valid key");
  return SigningKey(std::make_shared<const Material>(Material{algorithm, Pkey(static_cast<EVP_PKEY*>(key)), {}}));
}

Result<SigningKey> SigningKey::ed25519_public(std::string_view x) {
  if (x.size() != ed25519_key_bytes) return weak("an Ed25519 key has 32 bytes");
  return of(JwtAlgorithm::eddsa, EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets_of(x), x.size()));
}

Result<SigningKey> SigningKey::ed25519_private(std::string_view seed) {
  if (seed.size() != ed25519_key_bytes) return weak("an Ed25519 key has 32 bytes");
  return of(JwtAlgorithm::eddsa, EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets_of(seed), seed.size()));
}

Result<SigningKey> SigningKey::p256_public(std::string_view x, std::string_view y) {
  if (x.size() != p256_coordinate_bytes || y.size() != p256_coordinate_bytes)
    return weak("a P-256 key has two coordinates of 32 bytes");
  const std::string point = "\x04" + std::string(x) + std::string(y);  // uncompressed
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  const OpensslParams params(OSSL_PARAM_BLD_to_param(builder.get()));
  return of(JwtAlgorithm::es256, key_of("EC", params).release());
}

Result<SigningKey> SigningKey::rsa_public(std::string_view n, std::string_view e) {
  if (n.size() > rsa_bits_max / 8 || e.size() > rsa_exponent_bits_max / 8) return weak("the RSA key is too large");
  const Number modulus = number(n);
  const Number exponent = number(e);
  if (!modulus || BN_num_bits(modulus.get()) < rsa_bits_min) return weak("an RSA key needs at least 2048 bits");
  if (!exponent || BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1)
    return weak("the RSA exponent must be odd and at least 3");
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  const OpensslParams params(OSSL_PARAM_BLD_to_param(builder.get()));
  return of(JwtAlgorithm::rs256, key_of("RSA", params).release());
}

Result<SigningKey> SigningKey::hmac(std::string_view secret) {
  if (secret.size() < hmac_key_bytes_min || secret.size() > hmac_key_bytes_max)
    return weak("an HMAC key needs 32 to 1024 bytes");
  return SigningKey(std::make_shared<const Material>(Material{JwtAlgorithm::hs256, nullptr, std::string(secret)}));
}

JwtAlgorithm SigningKey::algorithm() const noexcept {
  return material_->algorithm;
}

bool SigningKey::verifies(std::string_view text, std::string_view signature) const {
  const EVP_MD* digest = EVP_sha256();
  std::string der;
  switch (material_->algorithm) {
    case JwtAlgorithm::hs256:
      return hmac_matches(material_->secret, text, signature);
    case JwtAlgorithm::eddsa:
      if (signature.size() != ed25519_signature_bytes) return false;
      digest = nullptr;  // the algorithm has its own
      break;
    case JwtAlgorithm::es256:
      if (signature.size() != 2 * p256_coordinate_bytes) return false;
      der = der_of(signature);
      signature = der;
      break;
    case JwtAlgorithm::rs256:
      if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(material_->key.get()))) return false;
      break;
  }
  const DigestContext context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, material_->key.get()) == 1 &&
         EVP_DigestVerify(context.get(), octets_of(signature), signature.size(), octets_of(text), text.size()) == 1;
}

std::string SigningKey::public_bytes() const {
  std::string bytes(ed25519_key_bytes, '\0');
  std::size_t size = bytes.size();
  const int got =
      EVP_PKEY_get_raw_public_key(material_->key.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size);
  assert(got == 1 && size == ed25519_key_bytes);
  return bytes;
}

std::string SigningKey::sign(std::string_view text) const {
  std::string signature(ed25519_signature_bytes, '\0');
  std::size_t size = signature.size();
  const DigestContext context(EVP_MD_CTX_new());
  const bool made = context &&
                    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, material_->key.get()) == 1 &&
                    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                                   octets_of(text), text.size()) == 1;
  assert(made && size == ed25519_signature_bytes);
  return signature;
}

}  // namespace tally::http

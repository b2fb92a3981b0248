#include "webhook/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <charconv>
#include <memory>
#include <stdexcept>

namespace tally::webhook {
namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_bytes_min = 24;
constexpr std::size_t secret_bytes_max = 64;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Result<std::string> key_of(std::string_view secret) {
  const auto refuse = [] {
    return fail(Errc::invalid_argument, "a webhook secret is 'whsec_' and the base64 of 24 to 64 bytes",
                "invalid_secret");
  };
  if (!secret.starts_with(secret_prefix)) return refuse();
  secret.remove_prefix(secret_prefix.size());
  if (secret.empty() || secret.size() % 4 != 0 || secret.size() > 2 * secret_bytes_max) return refuse();
  std::string key(secret.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()), bytes_of(secret), static_cast<int>(secret.size())) <
      0) {
    return refuse();
  }
  // EVP_DecodeBlock counts the padding as bytes and lets blanks pass; encoding again shows both.
  for (const char padding : {secret[secret.size() - 1], secret[secret.size() - 2]}) {
    if (padding == '=') key.pop_back();
  }
  if (key.size() < secret_bytes_min || key.size() > secret_bytes_max || base64(key) != secret) return refuse();
  return key;
}

void require(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL has no HMAC-SHA256");
}

// One context a thread: setting up the digest costs more than signing a small body.
EVP_MAC_CTX* hmac_sha256() {
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MAC_CTX, Free> context = [] {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    require(mac != nullptr);
    std::unique_ptr<EVP_MAC_CTX, Free> made(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac);
    std::string digest = "SHA256";
    const std::array params = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                               OSSL_PARAM_construct_end()};
    require(made && EVP_MAC_CTX_set_params(made.get(), params.data()) == 1);
    return made;
  }();
  return context.get();
}

std::string signature_of(std::string_view key, std::string_view id, std::string_view timestamp, std::string_view body) {
  EVP_MAC_CTX* mac = hmac_sha256();
  require(EVP_MAC_init(mac, bytes_of(key), key.size(), nullptr) == 1);
  for (const std::string_view part : {id, std::string_view("."), timestamp, std::string_view("."), body}) {
    require(EVP_MAC_update(mac, bytes_of(part), part.size()) == 1);
  }
  std::string sum(32, '\0');
  std::size_t size = 0;
  require(EVP_MAC_final(mac, reinterpret_cast<unsigned char*>(sum.data()), &size, sum.size()) == 1 &&
          size == sum.size());
  return "v1," + base64(sum);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<void> check_timestamp(std::string_view text, UtcTime now) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool number = error == std::errc() && end == text.data() + text.size() && seconds >= 0;
  const std::int64_t oldest = now.seconds() - signature_tolerance_seconds;
  if (!number || seconds < oldest || seconds > now.seconds() + signature_tolerance_seconds) {
    return fail(Errc::invalid_argument, "the timestamp is no number or more than five minutes away",
                "invalid_timestamp");
  }
  return {};
}

}  // namespace

std::string make_secret(Random& random) {
  std::array<unsigned char, secret_bytes> bytes{};
  random.fill(bytes);
  return std::string(secret_prefix) + base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<SignatureHeaders> sign(const WebhookSecrets& secrets, const DeliveryId& id, std::string_view body, UtcTime now) {
  const auto key = key_of(secrets.current);
  if (!key) return key.error();
  SignatureHeaders headers{id.str(), std::to_string(now.seconds()), {}};
  headers.signature = signature_of(*key, headers.id, headers.timestamp, body);
  if (!secrets.previous.empty() && now < secrets.previous_until) {
    const auto previous = key_of(secrets.previous);
    if (!previous) return previous.error();
    headers.signature += ' ';
    headers.signature += signature_of(*previous, headers.id, headers.timestamp, body);
  }
  return headers;
}

Result<void> verify(std::string_view secret, const SignatureHeaders& headers, std::string_view body, UtcTime now) {
  const auto key = key_of(secret);
  if (!key) return key.error();
  if (auto fresh = check_timestamp(headers.timestamp, now); !fresh) return fresh;
  const std::string expected = signature_of(*key, headers.id, headers.timestamp, body);
  std::string_view rest = headers.signature;
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    if (equal_in_constant_time(rest.substr(0, space), expected)) return {};
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  }
  return fail(Errc::invalid_argument, "no signature matches", "invalid_signature");
}

}  // namespace tally::webhook

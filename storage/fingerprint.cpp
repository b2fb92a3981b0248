#include "storage/fingerprint.h"

#include <sodium/crypto_shorthash_siphash24.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace tally::storage {

static_assert(crypto_shorthash_siphashx24_BYTES == sizeof(Fingerprint));
static_assert(crypto_shorthash_siphashx24_KEYBYTES == Fingerprinter::key_bytes);

Fingerprinter::Fingerprinter(std::string_view key) {
  assert(key.size() == key_bytes);
  std::memcpy(key_.data(), key.data(), key_bytes);
}

std::string Fingerprinter::make_key(Random& random) {
  std::array<unsigned char, key_bytes> key;
  random.fill(key);
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

Fingerprint Fingerprinter::of(std::string_view account, std::string_view source, std::string_view id) const {
  // Neither an account nor a source can hold a zero byte, so the three parts cannot run into one another.
  std::array<char, 640> text;
  assert(account.size() + source.size() + id.size() + 2 <= text.size());
  char* end = std::copy(account.begin(), account.end(), text.data());
  *end++ = '\0';
  end = std::copy(source.begin(), source.end(), end);
  *end++ = '\0';
  end = std::copy(id.begin(), id.end(), end);
  Fingerprint fingerprint;
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(fingerprint.data()),
                              reinterpret_cast<const unsigned char*>(text.data()),
                              static_cast<unsigned long long>(end - text.data()), key_.data());
  return fingerprint;
}

std::string to_bytes(const Fingerprint& fingerprint) {
  return {reinterpret_cast<const char*>(fingerprint.data()), sizeof fingerprint};
}

}  // namespace tally::storage

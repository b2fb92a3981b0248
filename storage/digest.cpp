#include "storage/digest.h"

#include <openssl/sha.h>

namespace tally::storage {

Digest sha256(std::string_view bytes) {
  Digest digest{};
  static_assert(digest.size() == SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

}  // namespace tally::storage

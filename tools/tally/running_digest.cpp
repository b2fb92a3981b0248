#include "tools/tally/running_digest.h"

#include <sodium.h>

namespace tally::tools {

struct RunningDigest::State {
  crypto_hash_sha256_state sha;
};

RunningDigest::RunningDigest() : state_(std::make_unique<State>()) {
  crypto_hash_sha256_init(&state_->sha);
}

RunningDigest::~RunningDigest() = default;

void RunningDigest::add(std::string_view bytes) {
  crypto_hash_sha256_update(&state_->sha, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

Digest RunningDigest::finish() {
  Digest digest{};
  static_assert(std::tuple_size_v<Digest> == crypto_hash_sha256_BYTES);
  crypto_hash_sha256_final(&state_->sha, digest.data());
  return digest;
}

}  // namespace tally::tools

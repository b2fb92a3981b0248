// Which account an API key belongs to, for millions of keys: rows of keys lie under their account, and a key is asked
// for by its id alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/ids.h"

namespace tally::storage {

// Keeps of a key's id a hash alone, in 16 to 32 bytes, and each account's name once for its keys that are added in a
// row; growing needs half as much again for a moment. Nothing is ever taken out, as a revoked key keeps its row. Not
// thread-safe.
class KeyIndex {
 public:
  void add(std::uint64_t hash, const AccountId& account);
  // The accounts of all keys that have this hash: none, one, or seldom more.
  std::vector<AccountId> accounts(std::uint64_t hash) const;

 private:
  void place(std::uint64_t hash, std::uint32_t name);
  void grow();

  // Open addressing: from its hash's place on, up to the first free one.
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> names_;  // where the account's name begins in text_, plus 1; 0: free
  std::size_t used_ = 0;
  std::string text_;  // names, each ended by a zero byte
  std::size_t last_name_ = 0;
};

}  // namespace tally::storage

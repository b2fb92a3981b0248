// SHA-256.
#pragma once

#include <memory>
#include <string_view>

#include "core/ledger_entry.h"

namespace tally::storage {

Digest sha256(std::string_view bytes);

// Of bytes that come one after the other.
class RunningDigest {
 public:
  RunningDigest();
  ~RunningDigest();
  void add(std::string_view bytes);
  Digest finish();  // of all bytes so far; call once, last

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tally::storage

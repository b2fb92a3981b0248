// SHA-256 over bytes that come in pieces.
#pragma once

#include <memory>
#include <string_view>

#include "core/ledger_entry.h"

namespace tally::tools {

class RunningDigest {
 public:
  RunningDigest();
  ~RunningDigest();
  RunningDigest(const RunningDigest&) = delete;
  RunningDigest& operator=(const RunningDigest&) = delete;

  void add(std::string_view bytes);
  // Of all bytes so far; call once, last.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tally::tools

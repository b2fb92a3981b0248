// What a simulation found: the first rule that did not hold.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace tally::sim {

// Checks run inside callbacks of the real code, which must not see an exception; so they note what is wrong and the
// simulation stops after the step.
class Verdict {
 public:
  void broken(std::string what) {
    if (!what_) what_ = std::move(what);
  }
  const std::optional<std::string>& what() const noexcept { return what_; }

 private:
  std::optional<std::string> what_;
};

}  // namespace tally::sim

// Taking times, and making one figure of many.
#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/system.h"

namespace tally::tools::bench {

// Ends the bench: something answered wrongly, or could not be started. A bench that measures wrong answers measures
// nothing.
[[noreturn]] inline void give_up(const std::string& why) {
  throw std::runtime_error(why);
}

// The value, or give_up with what was attempted.
template <class T>
T must(const std::string& what, Result<T> result) {
  if (!result) give_up(what + ": " + result.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Stopwatch {
 public:
  Stopwatch() : begun_(clock_.mono()) {}
  double seconds() const { return static_cast<double>(clock_.mono().ns - begun_.ns) / 1e9; }

 private:
  SystemClock clock_;
  MonoTime begun_;
};

void pause_seconds(double seconds);

// Of at least one value. `part` 0.5 is the median.
double percentile(std::vector<double> values, double part);
double median(std::vector<double> values);

// Sides that are measured in turn, A B A B …, so that a disturbance of the machine falls on all of them alike.
// Answers each side's figures, one per round.
std::vector<std::vector<double>> alternate(std::size_t rounds, double pause_between_seconds,
                                           const std::vector<std::function<double()>>& sides);

}  // namespace tally::tools::bench

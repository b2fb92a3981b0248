#include "tools/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace tally::tools::bench {

void pause_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

double percentile(std::vector<double> values, double part) {
  if (values.empty()) give_up("nothing was measured");
  const auto place = static_cast<std::size_t>(std::floor(part * static_cast<double>(values.size() - 1) + 0.5));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place), values.end());
  return values[place];
}

double median(std::vector<double> values) {
  if (values.empty()) give_up("nothing was measured");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<std::vector<double>> alternate(std::size_t rounds, double pause_between_seconds,
                                           const std::vector<std::function<double()>>& sides) {
  std::vector<std::vector<double>> figures(sides.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t side = 0; side < sides.size(); ++side) {
      if (round + side > 0) pause_seconds(pause_between_seconds);
      figures[side].push_back(sides[side]());
    }
  }
  return figures;
}

}  // namespace tally::tools::bench

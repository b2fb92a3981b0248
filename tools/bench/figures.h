// What a bench found, beside its limit and its aim.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/bench/options.h"

namespace tally::tools::bench {

struct Aim {
  enum class Sense : std::uint8_t { at_least, at_most } sense = Sense::at_least;
  double bound = 0;
  bool of_ratio = false;  // the ratio is judged, else the figure
};

struct Figure {
  std::string name;           // "poll.reports"
  std::vector<double> turns;  // one per round; the median counts
  std::string unit;           // "requests/s"
  std::string limit_name;     // empty: nothing stands beside it
  std::vector<double> limit_turns;
  std::optional<Aim> aim;
  std::string conditions;  // "64 connections, 512 B"

  double value() const;
  std::optional<double> limit() const;
  std::optional<double> ratio() const;  // figure / limit
  std::optional<bool> met() const;
};

// Prints figures as they come: a line or two for people, or with `json` one object a line.
class Figures {
 public:
  explicit Figures(bool json) : json_(json) {}
  // What holds for all that follow: the machine, the disk, how busy it is.
  void machine(const Options& options);
  void add(const Figure& figure);
  // Counts that were checked, told to people only.
  void checked(const std::string& what) const;

 private:
  bool json_;
};

}  // namespace tally::tools::bench

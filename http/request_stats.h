// Answers by route and class of status, and how long they took. No lock and no allocation for an answer.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/histogram.h"

namespace tally::http {

class RequestStats {
 public:
  // Of the routes as Router::patterns() lists them. Answers that no route gave are counted under route 0.
  explicit RequestStats(const std::vector<std::pair<std::string, std::string>>& patterns);

  // `route` as in Response::route. Thread-safe.
  void count(std::uint32_t route, int status, std::int64_t took_ns) noexcept;

  struct Route {
    std::string method;  // both empty: no route
    std::string pattern;
    std::array<std::uint64_t, 6> by_class{};  // [2] are the 2xx; [0] what has no such class
    Histogram::Snapshot took_ns;
  };
  // Those that were asked for at least once.
  std::vector<Route> snapshot() const;

 private:
  struct Counted {
    Counted(std::string m, std::string p);
    std::string method;
    std::string pattern;
    std::array<std::atomic<std::uint64_t>, 6> by_class{};
    Histogram took_ns;
  };
  std::deque<Counted> routes_;
};

}  // namespace tally::http

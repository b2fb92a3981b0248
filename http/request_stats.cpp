#include "http/request_stats.h"

namespace tally::http {
namespace {

constexpr std::int64_t us = 1'000;
constexpr std::int64_t ms = 1'000 * us;
constexpr std::int64_t latency_bounds_ns[] = {100 * us,   250 * us,   500 * us,   1 * ms,     2'500 * us, 5 * ms,
                                              10 * ms,    25 * ms,    50 * ms,    100 * ms,   250 * ms,   500 * ms,
                                              1'000 * ms, 2'500 * ms, 5'000 * ms, 10'000 * ms};

}  // namespace

RequestStats::Counted::Counted(std::string m, std::string p)
    : method(std::move(m)), pattern(std::move(p)), took_ns(latency_bounds_ns) {}

RequestStats::RequestStats(const std::vector<std::pair<std::string, std::string>>& patterns) {
  routes_.emplace_back("", "");
  for (const auto& [method, pattern] : patterns) routes_.emplace_back(method, pattern);
}

void RequestStats::count(std::uint32_t route, int status, std::int64_t took_ns) noexcept {
  Counted& counted = routes_[route < routes_.size() ? route : 0];
  const int group = status / 100;
  counted.by_class[group >= 1 && group <= 5 ? static_cast<std::size_t>(group) : 0].fetch_add(1,
                                                                                             std::memory_order_relaxed);
  counted.took_ns.observe(took_ns);
}

std::vector<RequestStats::Route> RequestStats::snapshot() const {
  std::vector<Route> routes;
  for (const Counted& counted : routes_) {
    Route route{counted.method, counted.pattern, {}, counted.took_ns.snapshot()};
    if (route.took_ns.count == 0) continue;
    for (std::size_t i = 0; i < route.by_class.size(); ++i)
      route.by_class[i] = counted.by_class[i].load(std::memory_order_relaxed);
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace tally::http

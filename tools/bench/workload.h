// The usage that is fed in: accounts of skewed sizes calling endpoints of skewed popularity over 90 days that lie
// behind us.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.h"
#include "core/event.h"
#include "core/report.h"

namespace tally::tools::bench {

// Dice that repeat from a seed, cheap enough to roll several times an event (splitmix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double unit() { return static_cast<double>(next() >> 11) / 9007199254740992.0; }  // [0, 1)
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

inline constexpr std::uint32_t workload_accounts = 2'000;
inline constexpr std::uint32_t workload_endpoints = 50;
inline constexpr std::int32_t workload_days = 90;

struct EventFacts {
  std::uint64_t number = 0;
  std::uint32_t account = 0;
  std::uint32_t endpoint = 0;
  UtcTime time;
  std::uint32_t results = 1;
};

// Account i of 2,000 has a share that falls with i: the largest 2.2 % of all events, the median 0.035 %, the smallest
// 0.025 %. Times ascend over the 90 days, up to an hour out of order, as gateways deliver them.
class Workload {
 public:
  // `first_number` makes ids of several workloads differ.
  Workload(std::int32_t first_day, std::uint64_t events, std::uint64_t first_number);
  EventFacts next();

 private:
  Dice dice_;
  UtcTime begin_;
  std::uint64_t events_;
  std::uint64_t first_number_;
  std::uint64_t made_ = 0;
};

// The first of the 90 whole days before today.
std::int32_t workload_first_day(const Clock& clock);
// All of them.
TimeRange workload_range(std::int32_t first_day);
// A calendar month that lies wholly within them.
TimeRange workload_month(std::int32_t first_day);

std::string account_name(std::uint32_t account);
std::string endpoint_name(std::uint32_t endpoint);
std::string endpoint_category(std::uint32_t endpoint);
UsageEvent usage_event(const EventFacts& facts);
// Appends the event as POST /operator/v1/events takes it.
void append_event_json(std::string& out, const EventFacts& facts);

}  // namespace tally::tools::bench

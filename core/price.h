// Prices: what one usage event costs, and which version of the price said so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/credits.h"
#include "core/result.h"
#include "core/time.h"

namespace tally {

struct UsageEvent;

// What one unit is. result: each result returned; success: each request that worked; request: each request.
enum class ChargeOn : std::uint8_t { result = 1, success, request };
std::string_view to_string(ChargeOn charge_on) noexcept;
Result<ChargeOn> parse_charge_on(std::string_view word);

// One version of an endpoint's price. Versions are never changed, only followed by others.
struct Price {
  std::string endpoint;
  std::uint32_t version = 0;  // from 1, per endpoint
  Credits credits;            // per unit
  std::string category;       // groups reports; may be empty
  ChargeOn charge_on = ChargeOn::result;
  std::map<std::string, Credits, std::less<>> options;  // line items: price per count, by name
  UtcTime effective_at;
  bool removed = false;  // from effective_at on the endpoint has no price
};

// Every version of every endpoint. A value: copied, changed and published whole.
class PriceBook {
 public:
  // The price in force at `at`: the latest effective_at not after it, of equal ones the higher version. Null without
  // one.
  const Price* find(std::string_view endpoint, UtcTime at) const noexcept;
  const std::vector<Price>* versions(std::string_view endpoint) const noexcept;  // by effective_at, then version
  std::uint32_t next_version(std::string_view endpoint) const noexcept;
  void insert(Price price);
  // The version of the whole list: how many versions of prices there are. Grows with every change.
  std::uint64_t version() const noexcept;
  const std::map<std::string, std::vector<Price>, std::less<>>& all() const noexcept { return versions_; }

 private:
  std::map<std::string, std::vector<Price>, std::less<>> versions_;
};

struct Charge {
  Credits credits;
  std::string_view category;        // empty without a price
  std::uint32_t price_version = 0;  // 0: no price applied, or the event's own `credits` did
  bool priced = false;              // false: the endpoint has no price and the event none of its own
};

// `event.credits`, if given, is the whole charge. Else units × credits plus, per option of the event, count × the
// option's price; options that the price does not list cost nothing. An option is charged only on an event that is
// charged by `charge_on` at all (at least one unit). Errc::invalid_argument (`charge_out_of_range`) when the charge
// leaves int64.
Result<Charge> charge(const UsageEvent& event, const PriceBook& prices);

// What `units` of an endpoint cost before they are used: units × credits at the price in force at `at`, nothing without
// a price. Errc::invalid_argument `charge_out_of_range`.
struct Quote {
  Credits credits;
  std::uint32_t price_version = 0;  // 0: the endpoint has no price
};
Result<Quote> quote(const PriceBook& prices, std::string_view endpoint, std::int64_t units, UtcTime at);

std::string encode(const Price& price);
Result<Price> decode_price(std::string_view bytes);

}  // namespace tally

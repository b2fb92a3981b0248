#include "core/price.h"

#include <algorithm>
#include <tuple>

#include "core/event.h"
#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t price_version = 1;

std::int64_t units_of(const UsageEvent& event, ChargeOn charge_on) noexcept {
  switch (charge_on) {
    case ChargeOn::result:
      return event.results;
    case ChargeOn::success:
      return event.ok ? 1 : 0;
    case ChargeOn::request:
      return 1;
  }
  return 0;
}

Error charge_out_of_range() {
  return fail(Errc::invalid_argument, "the charge for this event is out of range", "charge_out_of_range");
}

Result<Credits> charge_at(const UsageEvent& event, const Price& price) {
  const std::int64_t units = units_of(event, price.charge_on);
  if (units <= 0) return Credits();
  Result<Credits> sum = multiply(price.credits, units);
  for (const auto& [name, count] : event.options) {
    if (!sum) break;
    const auto option = price.options.find(name);
    if (option == price.options.end()) continue;
    const Result<Credits> item = multiply(option->second, count);
    if (!item) return charge_out_of_range();
    sum = add(*sum, *item);
  }
  if (!sum) return charge_out_of_range();
  return sum;
}

}  // namespace

std::string_view to_string(ChargeOn charge_on) noexcept {
  switch (charge_on) {
    case ChargeOn::result:
      return "result";
    case ChargeOn::success:
      return "success";
    case ChargeOn::request:
      return "request";
  }
  return "unknown";
}

Result<ChargeOn> parse_charge_on(std::string_view word) {
  for (const auto charge_on : {ChargeOn::result, ChargeOn::success, ChargeOn::request}) {
    if (word == to_string(charge_on)) return charge_on;
  }
  return fail(Errc::invalid_argument, "charge_on is result, success or request", "invalid_charge_on");
}

const Price* PriceBook::find(std::string_view endpoint, UtcTime at) const noexcept {
  const std::vector<Price>* list = versions(endpoint);
  if (!list) return nullptr;
  const auto after = std::upper_bound(list->begin(), list->end(), at,
                                      [](UtcTime t, const Price& price) { return t < price.effective_at; });
  if (after == list->begin()) return nullptr;
  const Price& price = *std::prev(after);
  return price.removed ? nullptr : &price;
}

const std::vector<Price>* PriceBook::versions(std::string_view endpoint) const noexcept {
  const auto found = versions_.find(endpoint);
  return found == versions_.end() ? nullptr : &found->second;
}

std::uint32_t PriceBook::next_version(std::string_view endpoint) const noexcept {
  std::uint32_t highest = 0;
  if (const auto* list = versions(endpoint)) {
    for (const Price& price : *list) highest = std::max(highest, price.version);
  }
  return highest + 1;
}

std::uint64_t PriceBook::version() const noexcept {
  std::uint64_t count = 0;
  for (const auto& [endpoint, list] : versions_) count += list.size();
  return count;
}

void PriceBook::insert(Price price) {
  std::vector<Price>& list = versions_[price.endpoint];
  const auto place = std::upper_bound(list.begin(), list.end(), price, [](const Price& a, const Price& b) {
    return std::tie(a.effective_at, a.version) < std::tie(b.effective_at, b.version);
  });
  list.insert(place, std::move(price));
}

Result<Charge> charge(const UsageEvent& event, const PriceBook& prices) {
  Charge charge;
  const Price* price = prices.find(event.endpoint, event.time);
  if (price) charge.category = price->category;
  charge.priced = price || event.credits;
  if (event.credits) {
    charge.credits = *event.credits;
  } else if (price) {
    const Result<Credits> sum = charge_at(event, *price);
    if (!sum) return sum.error();
    charge.credits = *sum;
    charge.price_version = price->version;
  }
  return charge;
}

Result<Quote> quote(const PriceBook& prices, std::string_view endpoint, std::int64_t units, UtcTime at) {
  const Price* price = prices.find(endpoint, at);
  if (!price) return Quote{};
  const auto credits = multiply(price->credits, units);
  if (!credits) return fail(Errc::invalid_argument, "the price leaves the range of amounts", "charge_out_of_range");
  return Quote{*credits, price->version};
}

std::string encode(const Price& price) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(price_version);
  out.text(price.endpoint);
  out.u64(price.version);
  write_credits(out, price.credits);
  out.text(price.category);
  write_enum(out, price.charge_on);
  out.u64(price.options.size());
  for (const auto& [name, credits] : price.options) {
    out.text(name);
    write_credits(out, credits);
  }
  write_time(out, price.effective_at);
  out.boolean(price.removed);
  return bytes;
}

Result<Price> decode_price(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != price_version) in.reject();
  Price price;
  price.endpoint = in.text();
  price.version = read_u32(in);
  price.credits = read_credits(in);
  price.category = in.text();
  price.charge_on = read_enum(in, ChargeOn::request);
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    std::string name = read_string(in);
    const Credits credits = read_credits(in);
    if (!price.options.emplace(std::move(name), credits).second) in.reject();
  }
  price.effective_at = read_time(in);
  price.removed = in.boolean();
  if (!in.done()) return fail(Errc::corrupt, "a price row cannot be read");
  return price;
}

}  // namespace tally

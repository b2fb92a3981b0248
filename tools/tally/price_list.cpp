#include "tools/tally/price_list.h"

namespace tally::tools {

Outcome<Json> read_price_list(const std::string& text) {
  const auto list = Json::parse(text);
  if (!list) return Failure{Exit::usage, "the price file is " + list.error().detail};
  if (!prices_in(*list).is_array())
    return Failure{Exit::usage, "the price file is neither a list of prices nor {\"prices\":[…]}"};
  return *list;
}

Json prices_in(const Json& price_list) {
  return price_list.is_object() ? price_list["prices"] : price_list;
}

}  // namespace tally::tools

#include "http/price_wire.h"

namespace tally::http {

void write_price(JsonWriter& out, const Price& price) {
  out.begin_object().field("endpoint", price.endpoint).field("version", std::int64_t{price.version});
  out.key("credits").credits_string(price.credits).field("category", price.category);
  out.field("charge_on", to_string(price.charge_on)).key("options").begin_object();
  for (const auto& [name, credits] : price.options) out.key(name).credits_string(credits);
  out.end_object().field("effective_at", price.effective_at).end_object();
}

}  // namespace tally::http

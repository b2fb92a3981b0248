// Prices on the wire of our own API.
#pragma once

#include "core/price.h"
#include "http/json_writer.h"

namespace tally::http {

void write_price(JsonWriter& out, const Price& price);

}  // namespace tally::http

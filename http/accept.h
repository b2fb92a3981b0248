// Content negotiation: which of the offered media types a client prefers (RFC 9110, section 12.5.1).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "http/request.h"

namespace tally::http {

// The place in `offered` ("application/json", without parameters) of what the `Accept` fields prefer: for each type the
// most specific range that names it decides its weight; the highest weight wins, of equal ones what was named more
// specifically ("application/json, */*" prefers JSON), then the earlier offer. A range with parameters other than `q`
// names no offer. Without an Accept field, and when nothing offered is acceptable, 0. A range or weight that is
// malformed is passed over.
std::size_t preferred_type(const Request& request, std::span<const std::string_view> offered);

}  // namespace tally::http

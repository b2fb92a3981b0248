// A JSON tree as text again.
#pragma once

#include <string>

#include "http/json.h"

namespace tally::http {

// Compact; numbers as they were sent, members in their order.
std::string json_text(const JsonValue& value);

}  // namespace tally::http

// One usage event as a part of a small JSON body; bodies full of them have http/event_parser.h.
#pragma once

#include <string>

#include "core/event.h"
#include "http/json.h"

namespace tally::http {

// Reads and validates an event of `account`, which it may name or not. The rules are the reader's and core's
// validate().
Result<UsageEvent> read_event(const JsonValue& object, std::string where, const AccountId& account, UtcTime now);

}  // namespace tally::http

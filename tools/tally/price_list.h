// Price lists as people write them: [{"endpoint":…,"credits":…}, …], or an object that has one as `prices`.
#pragma once

#include <string>

#include "tools/tally/json.h"
#include "tools/tally/session.h"

namespace tally::tools {

// The text of a file, if it is either; else Exit::usage.
Outcome<Json> read_price_list(const std::string& text);

// The list itself.
Json prices_in(const Json& price_list);

}  // namespace tally::tools

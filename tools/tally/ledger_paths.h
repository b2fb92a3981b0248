// What the commands about credits share.
#pragma once

#include <string>

#include "tools/tally/api.h"

namespace tally::tools {

std::string account_path(const std::string& account, const std::string& rest);
// The key that was given, or a new one.
std::string key_or_new(Session& session, const std::string& given);

}  // namespace tally::tools

// What the commands about credits share.
#pragma once

#include <string>

#include "tools/tally/api.h"

namespace tally::tools {

std::string account_path(const std::string& account, const std::string& rest);

}  // namespace tally::tools

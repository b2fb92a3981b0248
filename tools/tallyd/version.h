// The version of the program.
#pragma once

namespace tally::tools {

inline constexpr const char* tally_version = "0.1.0";

}  // namespace tally::tools

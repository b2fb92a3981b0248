// SHA-256, for digests and entity tags.
#pragma once

#include <string>
#include <string_view>

namespace tally::http {

// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace tally::http

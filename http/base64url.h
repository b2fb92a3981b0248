// RFC 4648 base64url without padding, as JSON web tokens write it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tally::http {

std::string base64url(std::string_view bytes);

// Nothing for text that base64url() does not write: padding, blanks, '+' and '/', and bits that belong to no byte.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace tally::http

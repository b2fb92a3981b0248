// UTF-8, as RFC 3629 defines it: no overlong form, no surrogate, nothing past U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace tally::http {

// The length of the well-formed sequence of two to four bytes that begins `text`, or 0 (also for ASCII).
std::size_t utf8_length(std::string_view text) noexcept;

// The size of `text` if it is well-formed as a whole, else the offset of the first byte that is not.
std::size_t valid_utf8_prefix(std::string_view text) noexcept;

}  // namespace tally::http

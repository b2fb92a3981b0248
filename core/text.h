// What a character is, in ASCII and whatever the locale.
#pragma once

namespace tally {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The value of a hexadecimal digit of either case, or -1.
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace tally

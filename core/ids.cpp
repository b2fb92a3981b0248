#include "core/ids.h"

#include "core/text.h"

#include <algorithm>

namespace tally {
namespace {

constexpr std::size_t account_id_bytes_max = 63;
constexpr std::size_t request_hex_digits = 32;
constexpr std::size_t request_seconds_digits_max = 12;
constexpr std::uint32_t request_sequence_digits = 4;

bool is_lower_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}
bool is_lower_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z');
}

}  // namespace

bool is_account_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= account_id_bytes_max && is_lower_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower_alnum(c) || c == '_' || c == '-'; });
}

Result<AccountId> parse_account_id(std::string_view text) {
  if (!is_account_id(text)) {
    return fail(Errc::invalid_argument,
                "an account id is 1 to 63 of a-z, 0-9, '_' and '-', and begins with a letter or digit");
  }
  return AccountId(std::string(text));
}

RequestId make_request_id(Random& random, UtcTime now, std::uint32_t sequence) {
  std::string text = random.hex(request_hex_digits / 2);
  text.push_back('_');
  text += std::to_string(now.seconds());
  text.push_back('_');
  for (std::uint32_t scale = 1000; scale > 0; scale /= 10)
    text.push_back(static_cast<char>('0' + sequence / scale % 10));
  return RequestId(std::move(text));
}

bool looks_like_request_id(std::string_view text) noexcept {
  if (text.size() < request_hex_digits + 1 + 1 + 1 + request_sequence_digits) return false;
  const std::string_view hex = text.substr(0, request_hex_digits);
  const std::string_view sequence = text.substr(text.size() - request_sequence_digits);
  std::string_view middle = text.substr(request_hex_digits, text.size() - request_hex_digits - request_sequence_digits);
  if (middle.front() != '_' || middle.back() != '_') return false;
  const std::string_view seconds = middle.substr(1, middle.size() - 2);
  return std::all_of(hex.begin(), hex.end(), is_lower_hex) && !seconds.empty() &&
         seconds.size() <= request_seconds_digits_max && std::all_of(seconds.begin(), seconds.end(), is_digit) &&
         std::all_of(sequence.begin(), sequence.end(), is_digit);
}

UtcTime made_at(const RequestId& id) noexcept {
  if (!looks_like_request_id(id.str())) return {};
  const std::string_view from = std::string_view(id.str()).substr(request_hex_digits + 1);
  std::int64_t seconds = 0;
  for (const char c : from.substr(0, from.find('_'))) seconds = seconds * 10 + (c - '0');
  return UtcTime::from_ms(seconds * second_ms);
}

std::string make_id(Random& random, std::string_view prefix) {
  std::string text(prefix);
  text.push_back('_');
  text += random.hex(12);
  return text;
}

}  // namespace tally

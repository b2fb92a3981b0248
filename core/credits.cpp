#include "core/credits.h"

#include "core/text.h"

#include <array>
#include <limits>

namespace tally {
namespace {

constexpr int fraction_digits = 6;
constexpr std::uint64_t one_credit = Credits::micros_per_credit;

Error not_a_decimal() {
  return fail(Errc::invalid_argument, "an amount is a decimal with at most six fractional digits");
}

Error out_of_range() {
  return fail(Errc::invalid_argument, "the amount is out of range");
}

}  // namespace

Result<Credits> Credits::parse(std::string_view decimal) {
  std::string_view rest = decimal;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative) rest.remove_prefix(1);

  const std::size_t point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : rest.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty()) || fraction.size() > fraction_digits) {
    return not_a_decimal();
  }

  // Summed up below zero, where int64 reaches one further.
  std::int64_t micros = 0;
  bool overflow = false;
  const auto append = [&](char digit) {
    overflow |= __builtin_mul_overflow(micros, std::int64_t{10}, &micros);
    overflow |= __builtin_sub_overflow(micros, std::int64_t{digit - '0'}, &micros);
  };
  for (const std::string_view digits : {whole, fraction}) {
    for (const char c : digits) {
      if (!is_digit(c)) return not_a_decimal();
      append(c);
    }
  }
  for (std::size_t i = fraction.size(); i < fraction_digits; ++i) append('0');
  if (!negative) overflow |= __builtin_sub_overflow(std::int64_t{0}, micros, &micros);
  if (overflow) return out_of_range();
  return from_micros(micros);
}

std::string Credits::to_string() const {
  const auto bits = static_cast<std::uint64_t>(micros_);
  const std::uint64_t magnitude = negative() ? 0 - bits : bits;
  std::string text = negative() ? "-" : "";
  text += std::to_string(magnitude / one_credit);
  std::uint64_t fraction = magnitude % one_credit;
  if (fraction == 0) return text;

  std::array<char, fraction_digits> digits;
  for (std::size_t i = fraction_digits; i-- > 0; fraction /= 10) digits[i] = static_cast<char>('0' + fraction % 10);
  std::size_t size = fraction_digits;
  while (digits[size - 1] == '0') --size;
  text.push_back('.');
  text.append(digits.data(), size);
  return text;
}

Result<Credits> add(Credits a, Credits b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.micros(), b.micros(), &sum)) return out_of_range();
  return Credits::from_micros(sum);
}

Result<Credits> subtract(Credits a, Credits b) {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a.micros(), b.micros(), &difference)) return out_of_range();
  return Credits::from_micros(difference);
}

Result<Credits> multiply(Credits unit, std::int64_t count) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(unit.micros(), count, &product)) return out_of_range();
  return Credits::from_micros(product);
}

Credits add_saturating(Credits a, Credits b) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.micros(), b.micros(), &sum))
    sum = b.negative() ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  return Credits::from_micros(sum);
}

}  // namespace tally

// Credits: money as an integer number of micro-credits.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tally {

// An integer number of micros; the range is int64, about ±9.2e12 credits. Nothing here wraps, truncates or takes a
// float.
class Credits {
 public:
  static constexpr std::int64_t micros_per_credit = 1'000'000;

  constexpr Credits() noexcept = default;
  static constexpr Credits from_micros(std::int64_t micros) noexcept { return Credits(micros); }

  // Reads a decimal: optional '-', digits, optional '.' and one to six digits ("142.5", "-0.0001"). No exponent, no
  // '+', no leading or trailing blank, no bare dot. Errc::invalid_argument otherwise, also outside int64 micros.
  static Result<Credits> parse(std::string_view decimal);

  constexpr std::int64_t micros() const noexcept { return micros_; }
  constexpr bool negative() const noexcept { return micros_ < 0; }

  // The shortest exact decimal, without an exponent: "142.5", "68", "-0.0001". A valid JSON number as well.
  std::string to_string() const;

  friend constexpr auto operator<=>(Credits, Credits) noexcept = default;

 private:
  explicit constexpr Credits(std::int64_t micros) noexcept : micros_(micros) {}
  std::int64_t micros_ = 0;
};

// Errc::invalid_argument when the sum, difference or product leaves int64.
Result<Credits> add(Credits a, Credits b);
Result<Credits> subtract(Credits a, Credits b);
Result<Credits> multiply(Credits unit, std::int64_t count);

// For totals over many accounts, where no single amount is wrong: a sum beyond int64 stays at its edge.
Credits add_saturating(Credits a, Credits b) noexcept;

}  // namespace tally

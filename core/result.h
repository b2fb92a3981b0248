// Result<T>: a value or an Error, never dropped by accident.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace tally {

// Closed: every switch over it lists all members and has no `default:`.
enum class Errc : std::uint8_t {
  invalid_argument = 1,  // the caller's input breaks a documented rule
  not_found,             // no such object, or not the caller's
  conflict,              // the object's state forbids it (a duplicate id, a stale fencing token)
  insufficient_credits,  // the balance does not cover it; nothing changed
  rate_limited,          // a limit of the caller is used up
  too_large,             // past a documented bound
  exhausted,             // a bound of the server is reached (queue full, disk nearly full): try later
  unavailable,           // the outcome is unknown or the server is stopping
  corrupt,               // stored bytes are not what was written
  gone,                  // it was there, and its time is over
};

// The stable word of a code: "invalid_argument" and so on.
std::string_view to_string(Errc code) noexcept;

struct Error {
  Errc code;
  std::string detail;  // for people; never branched on
  // A stable word for the wire (`invalid_month`), where a rule has one of its own; else empty.
  std::string rule = {};
};

// `.value()` on an error is a bug of ours, so it throws std::logic_error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

// For a failing test's message. Boost's own would ask every T for an operator<<.
template <class Char, class Traits, class T>
std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, const Result<T>& result) {
  if (result.has_value()) return out << "ok";
  const Error& error = result.error();
  return out << to_string(error.code) << ": " << error.detail;
}

inline Error fail(Errc code, std::string detail, std::string rule = {}) {
  return Error{code, std::move(detail), std::move(rule)};
}

}  // namespace tally

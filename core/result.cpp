#include "core/result.h"

#include <stdexcept>

namespace tally {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::insufficient_credits:
      return "insufficient_credits";
    case Errc::rate_limited:
      return "rate_limited";
    case Errc::too_large:
      return "too_large";
    case Errc::exhausted:
      return "exhausted";
    case Errc::unavailable:
      return "unavailable";
    case Errc::corrupt:
      return "corrupt";
    case Errc::gone:
      return "gone";
  }
  return "unknown";
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::logic_error(std::string(to_string(error.code)) + ": " + error.detail + " (value() at " +
                         where.file_name() + ":" + std::to_string(where.line()) + ")");
}

}  // namespace tally

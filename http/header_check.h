// The strict check of a request's header bytes, before any parser reads them. Pure: no socket, no Beast.
//
// Where two readers of one header could disagree (a proxy in front and this server), a request can be smuggled. So
// nothing is repaired here: what RFC 9112 does not allow, and some of what it merely tolerates, is refused and the
// connection closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"

namespace tally::http {

struct HeaderBounds {
  std::size_t bytes_max = 16 * 1024;  // request line, fields and the empty line
  std::size_t target_bytes_max = 8 * 1024;
  std::size_t fields_max = 100;
};

// What framing and connection handling need to know. The views point into the checked bytes.
struct CheckedHead {
  std::string_view method;
  std::string_view target;
  int version_minor = 1;                        // HTTP/1.<this>
  bool chunked = false;                         // Transfer-Encoding is exactly `chunked`
  std::optional<std::uint64_t> content_length;  // never together with `chunked`
  bool keep_alive = true;                       // as version and Connection say
  bool expect_continue = false;
};

// Where the header ends. Feed the bytes received so far, from the first of the request; `scanned` starts at 0 and is
// kept between calls, so that a header that arrives in pieces is looked through once.
enum class HeadEnd : std::uint8_t { incomplete, complete, malformed };
struct HeadScan {
  HeadEnd state = HeadEnd::incomplete;
  std::size_t size = 0;  // of the header with its empty line, when complete
};
// A line that ends in a bare LF is `malformed` at once.
HeadScan scan_head(std::string_view bytes, std::size_t& scanned) noexcept;

// Judges a complete header (as scan_head measured it). Refused, each with its `rule`:
//   header_too_large    more bytes or fields than the bounds                                    (431)
//   target_too_long     a target longer than the bounds                                         (414)
//   unsupported_version a well-formed HTTP version other than 1.0 and 1.1                       (505)
//   expectation_failed  an Expect other than 100-continue                                       (417)
//   malformed_request   everything else                                                         (400):
//     a bare CR or LF, a control byte, an obs-fold, a blank before a colon, an empty or non-token field name or method;
//     CONNECT and TRACE; a target that is neither origin-form nor absolute-form with http(s) and the authority that
//     Host names, or with a fragment, a bad percent-escape or bytes outside visible ASCII; no Host in HTTP/1.1, two, or
//     one that is no host[:port]; Transfer-Encoding other than exactly one `chunked`, in HTTP/1.0, or beside
//     Content-Length; Content-Length twice or not 1 to 18 digits.
Result<CheckedHead> check_head(std::string_view head, const HeaderBounds& bounds);

// The HTTP status of a refusal by check_head.
int refusal_status(const Error& refusal) noexcept;

// Letters, digits and `!#$%&'*+-.^_`|~`, at least one: what RFC 9110 calls a token.
bool is_token(std::string_view text) noexcept;

// Without the blanks and tabs around it.
std::string_view trim(std::string_view text) noexcept;

// Compares ASCII text without case.
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

}  // namespace tally::http

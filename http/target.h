// Request targets: which are valid, and what path and query they name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.h"

namespace tally::http {

// Origin-form (`/path?query`) or absolute-form (`http://host/path?query`, https too): visible ASCII without `"<>#` (and
// without `\` in the path), well-formed percent-escapes. The path may not decode to a control byte or to a `.` or `..`
// segment: such a target is refused, not normalised.
bool valid_target(std::string_view target) noexcept;

// host[:port]: letters, digits, `.`, `-`, `_`; or an IPv6 address in brackets; the port at most 65535.
bool valid_authority(std::string_view authority) noexcept;

// The authority of an absolute-form target, else empty.
std::string_view authority_of(std::string_view target) noexcept;

// The path as sent, still escaped: what the router splits into segments.
std::string_view raw_path(std::string_view target) noexcept;

// Undoes percent-escapes; with `plus_is_space` also '+'. Nothing if an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// The pairs of a query or an `application/x-www-form-urlencoded` body, decoded, in order; '+' is a space. Nothing if an
// escape is malformed.
std::optional<std::vector<Field>> split_form(std::string_view text);

// Fills path and query of `request` from its target. Requires valid_target(request.target).
void split_target(Request& request);

}  // namespace tally::http

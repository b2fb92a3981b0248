// The header of an answer as bytes. No socket.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "http/request.h"

namespace tally::http {

struct HeadFacts {
  std::string_view date;        // IMF-fixdate
  std::string_view request_id;  // for X-Request-Id
  int version_minor = 1;        // of the request
  bool keep_alive = true;
  bool chunked = false;  // the body comes in chunks; else its length is told
};

// Appends the status line and all fields with the empty line. A field of the app that could break the header (a control
// byte in name or value, or a name that is no token) is left out.
void append_response_head(std::string& out, const Response& response, const HeadFacts& facts);

// False for 204 and 304, which never have a body.
bool may_have_body(int status) noexcept;

// The client's own X-Request-Id, if it is one to repeat: 1 to 128 letters, digits and `._~:+/=@-`.
bool sane_request_id(std::string_view id) noexcept;

// One of ours: 16 hex digits.
std::string make_request_id(Random& random);

}  // namespace tally::http

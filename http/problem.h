// Errors of our own API: RFC 9457 problem details.
#pragma once

#include <string_view>

#include "core/result.h"
#include "http/request.h"

namespace tally::http {

// `application/problem+json`: {"type":"about:blank","title":<the status's
// phrase>,"status":…,"code":<code>,"detail":<detail>}; an empty detail is left out. 503 carries `Retry-After: 1` and
// 401 `WWW-Authenticate: Bearer`; a caller that knows better replaces them.
Response problem(int status, std::string_view code, std::string_view detail);

// The status of an error: its Errc decides, except that `malformed_json` and `malformed_request` are 400 where every
// other invalid_argument is 422 (the bytes were readable, what they say is not acceptable).
int status_of(const Error& error) noexcept;

// problem() of an error: `code` is its rule, or the word of its Errc. The detail of a 500 stays inside. 429 (too many
// of something, not a key's limit) carries `Retry-After: 60`.
Response problem(const Error& error);

// "Not Found" for 404; "Unknown" for a status that nobody here sends.
std::string_view reason_phrase(int status) noexcept;

}  // namespace tally::http

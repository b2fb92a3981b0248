// One line of an Apache or nginx access log: the common and the combined format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace tally::tools {

// Views into the line, still escaped as the server logged them; a field logged as "-" is empty.
struct AccessLine {
  std::string_view remote;  // client address or host name
  std::string_view user;    // the authenticated user; may hold blanks
  UtcTime time;             // the log's time zone offset is applied
  std::string_view method;
  std::string_view target;
  std::string_view protocol;  // empty in an HTTP/0.9 request
  int status = 0;             // 100..999
  std::int64_t bytes = 0;     // of the body
  std::string_view referer;   // empty in the common format
  std::string_view agent;     // empty in the common format
};

// Reads `remote ident user [day/Mon/year:h:m:s ±hhmm] "method target protocol" status bytes`, then nothing, or
// ` "referer" "agent"`, and either way ignores further fields that a site appended after a blank. A trailing CR is
// ignored. Errc::invalid_argument names the first field that breaks the format. Allocates only to say so.
Result<AccessLine> parse_access_line(std::string_view line);

// The log's time without its brackets, `17/May/2015:10:05:03 +0000`.
Result<UtcTime> parse_log_time(std::string_view text);

// The parts of `GET /path HTTP/1.1`; a target may hold blanks (nginx logs it raw).
struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view protocol;
};
Result<RequestLine> parse_request_line(std::string_view text);

// Undoes the escapes of a quoted field: \" \\ \b \n \r \t \v and \xHH. Any other backslash is kept.
std::string unescape_log_field(std::string_view field);

}  // namespace tally::tools

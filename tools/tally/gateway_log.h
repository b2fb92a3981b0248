// One line of a gateway's JSON log (nginx, Kong, Caddy, Traefik, Envoy, API Gateway and the like): their field names
// are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tools/tally/call.h"

namespace tally::tools {

// The names to look for, best first; "request.method" also finds {"request":{"method":…}}.
struct GatewayFields {
  std::vector<std::string> time;
  std::vector<std::string> method;
  std::vector<std::string> target;
  std::vector<std::string> status;
  std::vector<std::string> remote;
  std::vector<std::string> user;
  std::vector<std::string> id;
  std::vector<std::string> bytes;
  std::string account;  // no default: `--account-by FIELD`

  static GatewayFields defaults();
  // `NAME=FIELD` puts FIELD first for time, method, path, status, remote, user, id or bytes.
  Result<void> prefer(std::string_view rule);
};

class GatewayLog {
 public:
  explicit GatewayLog(GatewayFields fields) : fields_(std::move(fields)) {}

  // The views of the answer live until the next call. A time is ISO 8601, an access log's time, or a number since 1970
  // in seconds, milli-, micro- or nanoseconds (told apart by its size). A whole request line ("GET /x HTTP/1.1") serves
  // as method and path. An address may carry a port, or be the first of an X-Forwarded-For list.
  // Errc::invalid_argument: no JSON object; time, path or status missing or unreadable.
  Result<Call> parse(std::string_view line);

 private:
  GatewayFields fields_;
  std::string remote_;
  std::string user_;
  std::string method_;
  std::string target_;
  std::string id_;
  std::string account_;
};

}  // namespace tally::tools

// HTTP as the commands see it; tests answer in the server's place.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace tally::tools {

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  int timeout_seconds = 30;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string retry_after;  // the header's value, empty without one
};

// Thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;
  // Blocks for the answer, whatever its status. Errc::unavailable: no complete answer (the request may have had its
  // effect); Errc::invalid_argument: the URL is none; Errc::too_large: the answer is past 256 MiB.
  virtual Result<HttpAnswer> send(const HttpRequest& request) = 0;
};

// libcurl, with kept-alive connections. Never follows a redirect, so that no token goes elsewhere, and asks no
// proxy for a loopback address.
std::unique_ptr<Transport> make_curl_transport();

}  // namespace tally::tools

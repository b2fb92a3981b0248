// The transport of production: libcurl's multi interface driven by Asio, on one thread of its own.
#pragma once

#include <memory>

#include "core/config.h"
#include "webhook/transport.h"

namespace tally::webhook {

// HTTP/1.1 over http and https with kept-alive connections, certificates verified. Follows no redirect, uses no proxy,
// no netrc. Every address is judged by TargetPolicy::may_connect when a socket is about to connect to it; when none is
// allowed the outcome is permanent.
//
// The status decides an attempt: once a final status has been read, a body that is too long (past `response_bytes_max`
// the connection is closed), stalls until the timeout or breaks off changes nothing. A receiver that answered 2xx has
// the delivery, and sending it again would not make the answer shorter. `Retry-After`, seconds or a date, is reported
// with every other status.
class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(const WebhookSettings& settings);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  void send(Attempt attempt, Done done) override;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tally::webhook

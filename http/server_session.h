// One connection. Internal to http/server*.cpp.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "core/net.h"
#include "http/server_io.h"

namespace tally::http {

struct Arrival {
  Socket socket;
  IpAddress peer;
  bool operator_listener = false;
};

// The session belongs to `io` (which must hold it by add()) and runs on its thread only. `tls` is nullptr for plain
// TCP.
std::shared_ptr<SessionBase> make_session(IoThread& io, Arrival arrival, asio::ssl::context* tls);

}  // namespace tally::http

// Where a webhook may go: the rules for a callback URL when it is submitted, and for each address when a socket
// connects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/net.h"
#include "core/result.h"

namespace tally::webhook {

inline constexpr std::size_t callback_url_bytes_max = 2048;

struct Target {
  std::string host;  // lower case, an IPv6 literal without its brackets
  std::uint16_t port = 0;
  std::string receiver;  // "host:port": what shares a connection limit
};

// Immutable; thread-safe.
class TargetPolicy {
 public:
  explicit TargetPolicy(const WebhookSettings& settings);

  // Takes https (http too where http or private addresses are allowed) URLs of at most 2048 printable ASCII characters,
  // without userinfo, with a port in 1..65535, whose host is an allowed one. Unless private addresses are allowed, a
  // literal address must be globally reachable, however it is spelled (127.1, 0x7f.1, 2130706433, [::ffff:7f00:1]), and
  // `localhost` is refused. An internationalised name must come as punycode. Errc::invalid_argument, rule
  // "invalid_callback_url". A name that resolves to a forbidden address passes here and is refused by may_connect.
  Result<Target> check(std::string_view url) const;

  // Judges the address that a socket is about to connect to; to be asked for every connection.
  bool may_connect(const IpAddress& address) const noexcept;

 private:
  bool host_is_listed(std::string_view host) const;

  // Exact names, or "*.example.com" for every name below example.com; empty: any.
  std::vector<std::string> allowed_hosts_;
  bool allow_http_;
  bool allow_private_;
};

}  // namespace tally::webhook

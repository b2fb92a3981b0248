// IP addresses and CIDR ranges as values: IP locks, trusted proxies and the webhook address policy judge with these.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tally {

// IPv4 is kept as IPv4-mapped IPv6, so that ::ffff:127.0.0.1 and 127.0.0.1 are one address.
class IpAddress {
 public:
  IpAddress() = default;
  static Result<IpAddress> parse(
      std::string_view text);  // strict: four decimal octets, or RFC 4291 text without a zone
  static IpAddress from_v4(std::uint32_t host_order) noexcept;
  static IpAddress from_v6(const std::array<std::uint8_t, 16>& bytes) noexcept;
  bool is_v4() const noexcept;
  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  std::string to_string() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

struct Cidr {
  IpAddress base;
  int prefix_bits = 128;  // of the 128-bit form: an IPv4 /8 is 104

  static Result<Cidr> parse(
      std::string_view text);  // "10.0.0.0/8", "2001:db8::/32", or a bare address; host bits must be zero
  bool contains(const IpAddress& address) const noexcept;
  std::string to_string() const;
};

// False for every address that IANA's special-purpose registries do not call globally reachable (loopback, private,
// link-local, carrier NAT, documentation, benchmarking, multicast, reserved, unspecified), also when one is embedded in
// NAT64 (64:ff9b::/96), 6to4 (2002::/16) or Teredo form.
bool is_global(const IpAddress& address) noexcept;

}  // namespace tally

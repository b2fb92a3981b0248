#include "core/net.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace tally {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr std::size_t v4_offset = 12;
constexpr int v4_prefix_bits = 96;

Error invalid_address() {
  return fail(Errc::invalid_argument, "not an IP address");
}
Error invalid_cidr() {
  return fail(Errc::invalid_argument, "not an address range such as 10.0.0.0/8 or 2001:db8::/32");
}

// A decimal number without leading zeros, at most `max`. Other spellings (octal, hex, blanks) mean different addresses
// to different programs.
std::optional<int> parse_small(std::string_view text, int max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> parse_v4(std::string_view text) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto octet = parse_small(text.substr(0, dot), 255);
    if (!octet) return std::nullopt;
    value = (value << 8) | static_cast<std::uint32_t>(*octet);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return value;
}

bool has_prefix(const Bytes& address, const Bytes& prefix, int bits) noexcept {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(prefix.begin(), prefix.begin() + whole, address.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || ((address[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

std::uint32_t read_v4(const Bytes& bytes, std::size_t offset) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | bytes[offset + i];
  return value;
}

struct V4Block {
  std::uint32_t base;
  int bits;
  bool global;
};

// The IANA IPv4 Special-Purpose Address Registry, and the multicast and reserved space; the longest match decides.
constexpr V4Block v4_blocks[] = {
    {0xc0000009, 32, true},   // 192.0.0.9, Port Control Protocol anycast
    {0xc000000a, 32, true},   // 192.0.0.10, TURN anycast
    {0x00000000, 8, false},   // "this network"
    {0x0a000000, 8, false},   // private
    {0x64400000, 10, false},  // carrier NAT
    {0x7f000000, 8, false},   // loopback
    {0xa9fe0000, 16, false},  // link-local
    {0xac100000, 12, false},  // private
    {0xc0000000, 24, false},  // IETF protocol assignments
    {0xc0000200, 24, false},  // documentation
    {0xc0586300, 24, false},  // 192.88.99.0, deprecated 6to4 relays
    {0xc0a80000, 16, false},  // private
    {0xc6120000, 15, false},  // benchmarking
    {0xc6336400, 24, false},  // documentation
    {0xcb007100, 24, false},  // documentation
    {0xe0000000, 3, false},   // multicast, reserved, broadcast
};

bool is_global_v4(std::uint32_t address) noexcept {
  for (const V4Block& block : v4_blocks) {
    if (((address ^ block.base) >> (32 - block.bits)) == 0) return block.global;
  }
  return true;
}

struct V6Block {
  Bytes base;
  int bits;
  bool global;
};

// The IANA IPv6 Special-Purpose Address Registry inside 2000::/3; more specific blocks come first.
constexpr V6Block v6_blocks[] = {
    {{0x20, 0x01, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, true},  // Port Control Protocol anycast
    {{0x20, 0x01, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 128, true},  // TURN anycast
    {{0x20, 0x01, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}, 128, true},  // DNS-SD service registration anycast
    {{0x20, 0x01, 0, 3}, 32, true},                                       // AMT
    {{0x20, 0x01, 0, 4, 0x01, 0x12}, 48, true},                           // AS112
    {{0x20, 0x01, 0, 0x20}, 28, true},                                    // ORCHIDv2
    {{0x20, 0x01, 0, 0x30}, 28, true},                                    // drone remote ids
    {{0x20, 0x01, 0, 0}, 23, false},                                      // other protocol assignments
    {{0x20, 0x01, 0x0d, 0xb8}, 32, false},                                // documentation
    {{0x3f, 0xff, 0}, 20, false},                                         // documentation
};
constexpr Bytes global_unicast = {0x20};        // 2000::/3
constexpr Bytes nat64 = {0, 0x64, 0xff, 0x9b};  // 64:ff9b::/96
constexpr Bytes six_to_four = {0x20, 0x02};     // 2002::/16
constexpr Bytes teredo = {0x20, 0x01, 0, 0};    // 2001::/32

bool is_global_v6(const Bytes& address) noexcept {
  if (has_prefix(address, nat64, 96)) return is_global_v4(read_v4(address, v4_offset));
  if (has_prefix(address, six_to_four, 16)) return is_global_v4(read_v4(address, 2));
  // A Teredo address names its server, and its client with every bit flipped.
  if (has_prefix(address, teredo, 32)) {
    return is_global_v4(read_v4(address, 4)) && is_global_v4(~read_v4(address, v4_offset));
  }
  if (!has_prefix(address, global_unicast, 3)) return false;
  for (const V6Block& block : v6_blocks) {
    if (has_prefix(address, block.base, block.bits)) return block.global;
  }
  return true;
}

bool host_bits_are_zero(const Bytes& address, int prefix_bits) noexcept {
  for (int bit = prefix_bits; bit < 128; ++bit) {
    if ((address[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8)) & 1) return false;
  }
  return true;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto v4 = parse_v4(text);
    if (!v4) return invalid_address();
    return from_v4(*v4);
  }
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) return invalid_address();
  std::copy(text.begin(), text.end(), buffer.begin());
  IpAddress address;
  if (inet_pton(AF_INET6, buffer.data(), address.bytes_.data()) != 1) return invalid_address();
  return address;
}

IpAddress IpAddress::from_v4(std::uint32_t host_order) noexcept {
  IpAddress address;
  address.bytes_[10] = address.bytes_[11] = 0xff;
  for (std::size_t i = 0; i < 4; ++i) {
    address.bytes_[v4_offset + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

IpAddress IpAddress::from_v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

bool IpAddress::is_v4() const noexcept {
  static constexpr Bytes mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return has_prefix(bytes_, mapped, v4_prefix_bits);
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const int family = is_v4() ? AF_INET : AF_INET6;
  const std::uint8_t* source = bytes_.data() + (is_v4() ? v4_offset : 0);
  return inet_ntop(family, source, buffer.data(), static_cast<socklen_t>(buffer.size()));
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view base_text = text.substr(0, slash);
  const auto base = IpAddress::parse(base_text);
  if (!base) return invalid_cidr();
  Cidr cidr{*base, 128};
  if (slash != std::string_view::npos) {
    const bool dotted = base_text.find(':') == std::string_view::npos;
    const auto bits = parse_small(text.substr(slash + 1), dotted ? 32 : 128);
    if (!bits) return invalid_cidr();
    cidr.prefix_bits = *bits + (dotted ? v4_prefix_bits : 0);
  }
  if (!host_bits_are_zero(cidr.base.bytes(), cidr.prefix_bits)) {
    return fail(Errc::invalid_argument, "the address has bits beyond the prefix");
  }
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const noexcept {
  return has_prefix(address.bytes(), base.bytes(), prefix_bits);
}

std::string Cidr::to_string() const {
  const int bits = base.is_v4() ? prefix_bits - v4_prefix_bits : prefix_bits;
  return base.to_string() + '/' + std::to_string(bits);
}

bool is_global(const IpAddress& address) noexcept {
  return address.is_v4() ? is_global_v4(read_v4(address.bytes(), v4_offset)) : is_global_v6(address.bytes());
}

}  // namespace tally

#include "core/net.h"

#include <doctest/doctest.h>

#include "core/manual.h"

namespace net_test {

using namespace tally;

namespace {

IpAddress ip(std::string_view text) {
  CAPTURE(text);
  const auto address = IpAddress::parse(text);
  REQUIRE(address);
  return *address;
}

Cidr cidr(std::string_view text) {
  CAPTURE(text);
  const auto range = Cidr::parse(text);
  REQUIRE(range);
  return *range;
}

void check_global(bool expected, std::initializer_list<const char*> addresses) {
  for (const char* text : addresses) {
    CAPTURE(text);
    CHECK(is_global(ip(text)) == expected);
  }
}

}  // namespace

TEST_CASE("net: only four plain decimal octets are an IPv4 address") {
  CHECK(ip("192.0.2.255") == IpAddress::from_v4(0xc00002ff));
  CHECK(ip("0.0.0.0") == IpAddress::from_v4(0));
  for (const char* text :
       {"127.1",      "0x7f.1",   "2130706433", "0177.0.0.1",   "127.0.0.01", "127.0.0.256", "127.0.0.1.",
        ".127.0.0.1", "127..0.1", "127.0.0.1 ", " 127.0.0.1",   "127.0.0.-1", "127.0.0.+1",  "127.0.0.1.1",
        "127.0.0",    "",         "1e1.0.0.1",  "127.0.0.0001", "①27.0.0.1",  "127.0.0.1/8", "a.b.c.d"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("127.0.0.1\0", 10)));
}

TEST_CASE("net: IPv6 text is read without a zone and nothing else") {
  CHECK(ip("::").bytes() == std::array<std::uint8_t, 16>{});
  CHECK(ip("2001:DB8::1") == ip("2001:db8:0:0:0:0:0:1"));
  for (const char* text :
       {"[::1]", "fe80::1%eth0", ":::", "1::2::3", "12345::", "::g", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "::ffff:127.1", "::ffff:127.0.0.01", "::1 ", ":", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("::1\0", 4)));
}

TEST_CASE("net: an IPv4 address and its mapped form are one") {
  CHECK(ip("::ffff:127.0.0.1") == ip("127.0.0.1"));
  CHECK(ip("::ffff:7f00:1") == ip("127.0.0.1"));
  CHECK(ip("127.0.0.1").is_v4());
  CHECK_FALSE(ip("::127.0.0.1").is_v4());
  CHECK(ip("::ffff:10.1.2.3").to_string() == "10.1.2.3");
}

TEST_CASE("net: an address is shown as it is usually written, and read back") {
  CHECK(ip("2001:0DB8:0000:0000:0001:0000:0000:0001").to_string() == "2001:db8::1:0:0:1");
  CHECK(ip("255.255.255.255").to_string() == "255.255.255.255");
  CHECK(IpAddress().to_string() == "::");
  SeededRandom random(4);
  for (int i = 0; i < 2000; ++i) {
    std::array<std::uint8_t, 16> bytes{};
    random.fill(bytes);
    for (std::uint8_t& byte : bytes) byte = random.below(3) == 0 ? byte : std::uint8_t{0};
    const IpAddress address = IpAddress::from_v6(bytes);
    REQUIRE(ip(address.to_string()) == address);
  }
}

TEST_CASE("net: a range holds what shares its prefix") {
  CHECK(cidr("10.0.0.0/8").contains(ip("10.255.0.1")));
  CHECK(cidr("10.0.0.0/8").contains(ip("::ffff:10.0.0.1")));
  CHECK_FALSE(cidr("10.0.0.0/8").contains(ip("11.0.0.1")));
  CHECK(cidr("10.0.0.0/8").prefix_bits == 104);
  CHECK(cidr("192.168.1.128/25").contains(ip("192.168.1.200")));
  CHECK_FALSE(cidr("192.168.1.128/25").contains(ip("192.168.1.127")));
  CHECK(cidr("0.0.0.0/0").contains(ip("203.0.113.9")));
  CHECK_FALSE(cidr("0.0.0.0/0").contains(ip("2001:db8::1")));
  CHECK(cidr("2001:db8::/33").contains(ip("2001:db8:7fff::")));
  CHECK_FALSE(cidr("2001:db8::/33").contains(ip("2001:db8:8000::")));
  CHECK(cidr("::/0").contains(ip("2001:db8::1")));
  CHECK(cidr("192.0.2.7").contains(ip("192.0.2.7")));
  CHECK_FALSE(cidr("192.0.2.7").contains(ip("192.0.2.6")));
  CHECK(cidr("::1").prefix_bits == 128);
}

TEST_CASE("net: a range with host bits, a bad prefix or a bad address is refused") {
  for (const char* text :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "/8", "10.0.0/8",
        "2001:db8::1/64", "::/129", "2001:db8::/ 32", "10.0.0.0/8 ", "0.0.0.1/0", "", "10.0.0.0/1000"}) {
    CAPTURE(text);
    CHECK(Cidr::parse(text).error().code == Errc::invalid_argument);
  }
}

TEST_CASE("net: a range is shown as it was written") {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::1/128", "::/0"}) {
    CHECK(cidr(text).to_string() == text);
  }
  CHECK(cidr("192.0.2.7").to_string() == "192.0.2.7/32");
  CHECK(cidr("::ffff:10.0.0.0/104").to_string() == "10.0.0.0/8");
}

TEST_CASE("net: IPv4 special-purpose blocks are not global, their neighbours are") {
  check_global(false, {"0.0.0.0",         "0.255.255.255",  "10.0.0.0",        "10.255.255.255",  "100.64.0.0",
                       "100.127.255.255", "127.0.0.1",      "127.255.255.255", "169.254.169.254", "172.16.0.0",
                       "172.31.255.255",  "192.0.0.0",      "192.0.0.8",       "192.0.0.11",      "192.0.0.255",
                       "192.0.2.1",       "192.88.99.1",    "192.168.0.1",     "192.168.255.255", "198.18.0.0",
                       "198.19.255.255",  "198.51.100.7",   "203.0.113.255",   "224.0.0.1",       "239.255.255.255",
                       "240.0.0.1",       "255.255.255.255"});
  check_global(true, {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
                      "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",    "172.15.255.255",
                      "172.32.0.0",      "192.0.0.9",       "192.0.0.10",      "192.0.1.0",      "192.0.3.0",
                      "192.31.196.1",    "192.52.193.1",    "192.88.98.255",   "192.88.100.0",   "192.167.255.255",
                      "192.169.0.0",     "192.175.48.1",    "198.17.255.255",  "198.20.0.0",     "198.51.99.255",
                      "203.0.114.0",     "223.255.255.255", "8.8.8.8"});
}

TEST_CASE("net: IPv6 special-purpose blocks and space that is not assigned are not global") {
  check_global(false, {"::",
                       "::1",
                       "::2",
                       "::127.0.0.1",
                       "::8.8.8.8",
                       "64:ff9b:1::",
                       "64:ff9b:1:ffff::8.8.8.8",
                       "100::1",
                       "100:0:0:1::1",
                       "2001:1::",
                       "2001:1::4",
                       "2001:2::1",
                       "2001:4:111::1",
                       "2001:4:113::1",
                       "2001:10::1",
                       "2001:1f:ffff::1",
                       "2001:40::1",
                       "2001:1ff:ffff::1",
                       "2001:db8::1",
                       "2001:db8:ffff::1",
                       "3fff::1",
                       "3fff:fff:ffff::1",
                       "5f00::1",
                       "fc00::1",
                       "fd12:3456::1",
                       "fe80::1",
                       "febf::1",
                       "fec0::1",
                       "ff02::1",
                       "4000::1",
                       "e000::1"});
  check_global(true,
               {"2000::1", "2001:1::1", "2001:1::2", "2001:1::3", "2001:3::1", "2001:4:112::1", "2001:20::1",
                "2001:2f:ffff::1", "2001:30::1", "2001:3f:ffff::1", "2001:200::1", "2001:db7::1", "2001:db9::1",
                "2001:4860:4860::8888", "2003::1", "2620:4f:8000::1", "2606:4700::1111", "3ffe::1", "3fff:1000::1"});
}

TEST_CASE("net: an address is as global as the IPv4 address inside it") {
  check_global(false, {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe",
                       "64:ff9b::10.0.0.1", "2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1"});
  check_global(true, {"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"});
  // Teredo: the server as it is (65.54.227.120 and 10.0.0.1), the client with its bits flipped
  // (192.0.2.45, 8.8.8.8, 10.0.0.1).
  check_global(false, {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:a00:1:8000:63bf:f7f7:f7f7",
                       "2001:0:4136:e378:8000:63bf:f5ff:fffe"});
  check_global(true, {"2001:0:4136:e378:8000:63bf:f7f7:f7f7"});
}

}  // namespace net_test

#include "webhook/target.h"

#include <doctest/doctest.h>

namespace target_test {

using namespace tally;
using namespace tally::webhook;

namespace {

bool takes(const WebhookSettings& settings, std::string_view url) {
  const auto target = TargetPolicy(settings).check(url);
  if (!target) CHECK(target.error().rule == "invalid_callback_url");
  return target.has_value();
}

WebhookSettings with_http() {
  WebhookSettings settings;
  settings.allow_http = true;
  return settings;
}

WebhookSettings with_private() {
  WebhookSettings settings;
  settings.allow_private = true;
  return settings;
}

// Every one of these reaches 127.0.0.1 through some resolver.
constexpr const char* odd_loopbacks[] = {"https://127.0.0.1/",
                                         "https://127.1/",
                                         "https://127.0.1/",
                                         "https://0x7f.1/",
                                         "https://0x7f000001/",
                                         "https://0X7F.0.0.1/",
                                         "https://2130706433/",
                                         "https://017700000001/",
                                         "https://0177.0.0.01/",
                                         "https://127.0.0.1./",
                                         "https://127.1./",
                                         "https://[::1]/",
                                         "https://[::ffff:7f00:1]/",
                                         "https://[::ffff:127.0.0.1]/",
                                         "https://[0:0:0:0:0:ffff:7f00:0001]/",
                                         "https://[64:ff9b::7f00:1]/",
                                         "https://[2002:7f00:1::]/",
                                         "https://%31%32%37.1/",
                                         "https://①②⑦.⓪.⓪.①/",
                                         "https://127。0。0。1/",
                                         "https://localhost/",
                                         "https://LOCALHOST./",
                                         "https://a.localhost/",
                                         "https://0/",
                                         "https://0.0.0.0/",
                                         "https://[::]/",
                                         "https://127.0.0.1:443/",
                                         "https://00000000177.1/",
                                         "https://0x7f.0x0.0x0.0x1/",
                                         "https://4294967297.1/"};

}  // namespace

TEST_CASE("target: public https URLs are taken, with what they share a limit by") {
  const TargetPolicy policy{WebhookSettings{}};
  const auto receiver = [&](std::string_view url) { return policy.check(url).value().receiver; };
  CHECK(receiver("https://example.com/hook") == "example.com:443");
  CHECK(receiver("HTTPS://Example.COM:8443/hook?a=b&c=%20d#part") == "example.com:8443");
  CHECK(receiver("https://example.com.") == "example.com:443");
  CHECK(receiver("https://93.184.216.34/") == "93.184.216.34:443");
  CHECK(receiver("https://[2606:2800:220:1::1]:444/") == "2606:2800:220:1::1:444");
  CHECK(receiver("https://xn--bcher-kva.example/") == "xn--bcher-kva.example:443");
  CHECK(receiver("https://a_b.example.com/~x/(y);z,'*'!$@:") == "a_b.example.com:443");
}

TEST_CASE("target: every spelling of a loopback address is refused") {
  for (const char* url : odd_loopbacks) {
    CAPTURE(url);
    CHECK(!takes({}, url));
  }
}

TEST_CASE("target: private, link-local, shared and reserved literals are refused") {
  for (const char* host : {"10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
                           "255.255.255.255", "198.18.0.1", "192.0.2.1", "[fe80::1]", "[fc00::1]", "[ff02::1]",
                           "[2001:db8::1]", "[::ffff:10.0.0.1]", "167772161", "10.1"}) {
    CAPTURE(host);
    CHECK(!takes({}, "https://" + std::string(host) + "/"));
    CHECK(!takes(with_http(), "http://" + std::string(host) + "/"));
  }
}

TEST_CASE("target: http needs a setting; other schemes are never taken") {
  CHECK(!takes({}, "http://example.com/"));
  CHECK(takes(with_http(), "http://example.com/"));
  CHECK(takes(with_http(), "https://example.com/"));
  CHECK(takes(with_private(), "http://example.com/"));
  for (const char* url : {"ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "smtp://example.com",
                          "javascript:alert(1)", "dict://example.com/", "unix:///tmp/s", "httpss://example.com/"}) {
    CAPTURE(url);
    CHECK(!takes(with_private(), url));
  }
}

TEST_CASE("target: private addresses are taken where the operator allows them") {
  const TargetPolicy policy{with_private()};
  CHECK(policy.check("http://127.0.0.1:8081/").value().receiver == "127.0.0.1:8081");
  CHECK(policy.check("http://127.1:8081/").value().receiver == "127.0.0.1:8081");
  CHECK(policy.check("http://localhost:8081/").value().receiver == "localhost:8081");
  CHECK(policy.check("http://[::1]:8081/").value().receiver == "::1:8081");
}

TEST_CASE("target: userinfo is refused, also when it is empty or disguised") {
  for (const char* url : {"https://user:secret@example.com/", "https://user@example.com/", "https://@example.com/",
                          "https://:@example.com/", "https://example.com:443@127.0.0.1/",
                          "https://example.com\\@127.0.0.1/", "https://a%40b@example.com/"}) {
    CAPTURE(url);
    CHECK(!takes(with_private(), url));
  }
}

TEST_CASE("target: malformed URLs are refused") {
  for (const char* url : {"",
                          "example.com",
                          "//example.com/",
                          "https:/example.com/",
                          "https:///example.com/",
                          "https://",
                          "https:// /",
                          "https://exa mple.com/",
                          "https://example.com/a b",
                          "https://example.com/\n",
                          "https://example.com/\x7f",
                          "https://bücher.example/",
                          "https://example.com/ü",
                          "https://example..com/",
                          "https://.example.com/",
                          "https://[::1/",
                          "https://[]/",
                          "https://[fe80::1%25eth0]/",
                          "https://1.2.3.4.5/",
                          "https://1.2.3.256/",
                          "https://a.0x1/",
                          "https://exam*ple.com/",
                          " https://example.com/",
                          "https://?x",
                          "https://#x"}) {
    CAPTURE(url);
    CHECK(!takes(with_private(), url));
  }
  CHECK(!takes({}, std::string("https://example.com/\0x", 22)));
}

TEST_CASE("target: the port lies in 1 to 65535") {
  CHECK(takes({}, "https://example.com:1/"));
  CHECK(takes({}, "https://example.com:65535/"));
  for (const char* port : {"0", "65536", "-1", "99999999999", "1a", "0x50"}) {
    CAPTURE(port);
    CHECK(!takes({}, "https://example.com:" + std::string(port) + "/"));
  }
}

TEST_CASE("target: a URL is at most 2048 characters long, a host name 253") {
  const std::string start = "https://example.com/";
  CHECK(takes({}, start + std::string(2048 - start.size(), 'x')));
  CHECK(!takes({}, start + std::string(2049 - start.size(), 'x')));
  CHECK(takes({}, "https://" + std::string(63, 'a') + ".com/"));
  CHECK(!takes({}, "https://" + std::string(64, 'a') + ".com/"));
}

TEST_CASE("target: with a list of hosts only those are taken") {
  WebhookSettings settings;
  settings.allowed_hosts = {"Hooks.Example.com", "*.partner.example"};
  CHECK(takes(settings, "https://hooks.example.com/"));
  CHECK(takes(settings, "https://HOOKS.example.com.:8443/x"));
  CHECK(takes(settings, "https://a.partner.example/"));
  CHECK(takes(settings, "https://a.b.partner.example/"));
  for (const char* url : {"https://example.com/", "https://x.hooks.example.com/", "https://partner.example/",
                          "https://evilpartner.example/", "https://hooks.example.com.evil.net/"}) {
    CAPTURE(url);
    CHECK(!takes(settings, url));
  }
  settings.allowed_hosts = {"127.0.0.1"};
  CHECK(!takes(settings, "https://127.0.0.1/"));
}

TEST_CASE("target: an address may be connected to when it is public, or any where private ones are allowed") {
  const TargetPolicy strict{WebhookSettings{}};
  CHECK(strict.may_connect(IpAddress::parse("93.184.216.34").value()));
  CHECK(strict.may_connect(IpAddress::parse("2606:2800:220:1::1").value()));
  for (const char* address :
       {"127.0.0.1", "::1", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "64:ff9b::a00:1", "0.0.0.0"}) {
    CAPTURE(address);
    CHECK(!strict.may_connect(IpAddress::parse(address).value()));
    CHECK(TargetPolicy(with_private()).may_connect(IpAddress::parse(address).value()));
  }
}

}  // namespace target_test

#include "tools/tally/gateway_log.h"

#include <doctest/doctest.h>

namespace gateway_log_test {

using namespace tally;
using namespace tally::tools;

namespace {

std::string why(std::string_view line) {
  GatewayLog log(GatewayFields::defaults());
  const auto call = log.parse(line);
  return call ? "" : call.error().detail;
}

}  // namespace

TEST_CASE("gateway log: nginx's JSON, with a request line and numbers as text") {
  GatewayLog log(GatewayFields::defaults());
  const auto call =
      log.parse(R"({"time_iso8601":"2026-02-03T04:05:06+02:00","remote_addr":"192.0.2.1","remote_user":"-",)"
                R"("request":"POST /search?q=1 HTTP/1.1","status":"201","body_bytes_sent":"12"})");
  REQUIRE(call.has_value());
  CHECK(call->time.to_string() == "2026-02-03T02:05:06Z");
  CHECK(call->remote == "192.0.2.1");
  CHECK(call->user.empty());
  CHECK(call->method == "POST");
  CHECK(call->target == "/search?q=1");
  CHECK(call->status == 201);
}

TEST_CASE("gateway log: Kong's and Caddy's nested fields") {
  GatewayLog log(GatewayFields::defaults());
  const auto kong =
      log.parse(R"({"started_at":1770000000123,"client_ip":"2001:db8::1","consumer":{"username":"acme"},)"
                R"("request":{"method":"GET","uri":"/v1/x","size":1},"response":{"status":404,"size":20}})");
  REQUIRE(kong.has_value());
  CHECK(kong->time.ms() == 1'770'000'000'123);
  CHECK(kong->user == "acme");
  CHECK(kong->target == "/v1/x");
  CHECK(kong->status == 404);
  CHECK(kong->bytes == 20);
  const auto caddy =
      log.parse(R"({"ts":1770000000.5,"request":{"remote_ip":"192.0.2.9","method":"PUT","uri":"/u"},"status":200})");
  REQUIRE(caddy.has_value());
  CHECK(caddy->time.ms() == 1'770'000'000'500);
  CHECK(caddy->remote == "192.0.2.9");
}

TEST_CASE("gateway log: a number of any unit since 1970 is a time") {
  GatewayLog log(GatewayFields::defaults());
  for (const char* time :
       {"1770000000", "1770000000000", "1770000000000000", "1770000000000000000", "\"1770000000.000\""}) {
    const auto call = log.parse(std::string(R"({"time":)") + time + R"(,"path":"/x","status":200})");
    REQUIRE_MESSAGE(call.has_value(), time);
    CHECK(call->time.ms() == 1'770'000'000'000);
  }
  CHECK(log.parse(R"({"time":"17/May/2015:10:05:03 +0000","path":"/x","status":200})")->time.to_string() ==
        "2015-05-17T10:05:03Z");
}

TEST_CASE("gateway log: an address loses its port and the proxies behind it") {
  GatewayLog log(GatewayFields::defaults());
  const auto remote = [&](const char* text) {
    const auto call = log.parse(std::string(R"({"time":1,"path":"/","status":200,"client_ip":")") + text + "\"}");
    return call ? std::string(call->remote) : "?";
  };
  CHECK(remote("192.0.2.1:5678") == "192.0.2.1");
  CHECK(remote("[2001:db8::1]:5678") == "2001:db8::1");
  CHECK(remote("2001:db8::1") == "2001:db8::1");
  CHECK(remote("192.0.2.1, 10.0.0.1") == "192.0.2.1");
  CHECK(remote("[") == "[");
}

TEST_CASE("gateway log: a field can be named, also one in a nested object") {
  GatewayFields fields = GatewayFields::defaults();
  REQUIRE(fields.prefer("path=http.url").has_value());
  REQUIRE(fields.prefer("time=when").has_value());
  fields.account = "tenant.id";
  GatewayLog log(fields);
  const auto call = log.parse(
      R"({"when":1770000000,"time":5,"http":{"url":"/deep"},"path":"/no","status":200,"tenant":{"id":"t1"}})");
  REQUIRE(call.has_value());
  CHECK(call->target == "/deep");
  CHECK(call->time.seconds() == 1'770'000'000);
  CHECK(call->account == "t1");
  CHECK_FALSE(fields.prefer("colour=x").has_value());
  CHECK_FALSE(fields.prefer("path").has_value());
  CHECK_FALSE(fields.prefer("path=").has_value());
}

TEST_CASE("gateway log: what is missing or unreadable is named") {
  CHECK(why("{") == "not JSON (byte 2)");
  CHECK(why("[1]") == "no JSON object");
  CHECK(why(R"({"path":"/","status":200})") == "no time");
  CHECK(why(R"({"time":"soon","path":"/","status":200})") ==
        "time is neither ISO 8601, an access log's time nor a number");
  CHECK(why(R"({"time":-1,"path":"/","status":200})") == "time is outside 1970 to 9999");
  CHECK(why(R"({"time":1e300,"path":"/","status":200})") == "time is outside 1970 to 9999");
  CHECK(why(R"({"time":1,"path":"/"})") == "no status");
  CHECK(why(R"({"time":1,"path":"/","status":"OK"})") == "status is not 100 to 999");
  CHECK(why(R"({"time":1,"path":"/","status":2000})") == "status is not 100 to 999");
  CHECK(why(R"({"time":1,"status":200})") == "no path");
  CHECK(why(R"({"time":1,"path":null,"status":200})") == "no path");
}

}  // namespace gateway_log_test

#include "tools/tally/access_log.h"

#include <doctest/doctest.h>

#include <string>

namespace access_log_test {

using namespace tally;
using namespace tally::tools;

namespace {

constexpr const char* combined =
    R"log(83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://e.com/" "Mozilla/5.0 (X11)")log";

std::string why(std::string_view line) {
  const auto parsed = parse_access_line(line);
  return parsed ? "" : parsed.error().detail;
}

std::string with_time(const std::string& time) {
  return "h - - [" + time + "] \"GET / HTTP/1.1\" 200 1";
}
std::string with_request(const std::string& request) {
  return "h - - [17/May/2015:10:05:03 +0000] \"" + request + "\" 200 1";
}

}  // namespace

TEST_CASE("access log: a combined line gives all its fields") {
  const auto line = parse_access_line(combined);
  REQUIRE(line.has_value());
  CHECK(line->remote == "83.149.9.216");
  CHECK(line->user == "frank");
  CHECK(line->time.to_string() == "2015-05-17T10:05:03Z");
  CHECK(line->method == "GET");
  CHECK(line->target == "/a/b.png?x=1");
  CHECK(line->protocol == "HTTP/1.1");
  CHECK(line->status == 200);
  CHECK(line->bytes == 203023);
  CHECK(line->referer == "http://e.com/");
  CHECK(line->agent == "Mozilla/5.0 (X11)");
}

TEST_CASE("access log: a common line has no referer and agent, and `-` is empty") {
  const auto line = parse_access_line(R"(host.example - - [01/Jan/2026:00:00:00 +0000] "HEAD / HTTP/1.0" 304 -)");
  REQUIRE(line.has_value());
  CHECK(line->user.empty());
  CHECK(line->bytes == 0);
  CHECK(line->referer.empty());
  CHECK(line->agent.empty());
}

TEST_CASE("access log: a user may hold blanks and brackets only before the time") {
  const auto line = parse_access_line(R"(::1 - ben smith [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1)");
  REQUIRE(line.has_value());
  CHECK(line->user == "ben smith");
}

TEST_CASE("access log: the time zone offset is taken off, over midnight and leap days") {
  CHECK(parse_log_time("03/Jan/2026:02:39:45 -0730")->to_string() == "2026-01-03T10:09:45Z");
  CHECK(parse_log_time("01/Mar/2024:00:30:00 +0100")->to_string() == "2024-02-29T23:30:00Z");
  CHECK(parse_log_time("31/Dec/2025:23:00:00 -0100")->to_string() == "2026-01-01T00:00:00Z");
}

TEST_CASE("access log: an impossible time is refused with the reason") {
  CHECK(why(with_time("30/Feb/2026:00:00:00 +0000")) == "time has a day that its month lacks");
  CHECK(why(with_time("29/Feb/2025:00:00:00 +0000")) == "time has a day that its month lacks");
  CHECK(why(with_time("00/Jan/2026:00:00:00 +0000")) == "time has a day that its month lacks");
  CHECK(why(with_time("01/jan/2026:00:00:00 +0000")) == "time has an unknown month");
  CHECK(why(with_time("01/Jan/2026:24:00:00 +0000")) == "time of day is impossible");
  CHECK(why(with_time("01/Jan/2026:00:60:00 +0000")) == "time of day is impossible");
  CHECK(why(with_time("01/Jan/2026:00:00:60 +0000")) == "time of day is impossible");
  CHECK(why(with_time("01/Jan/1969:00:00:00 +0000")) == "time has a year before 1970");
  CHECK(why(with_time("01/Jan/1970:00:00:00 +0100")) == "time is outside 1970 to 9999 in UTC");
  CHECK(why(with_time("31/Dec/9999:23:59:59 -0001")) == "time is outside 1970 to 9999 in UTC");
  CHECK(why(with_time("01/Jan/2026:00:00:00 *0000")) == "time zone is not an offset like +0000");
  CHECK(why(with_time("01/Jan/2026:00:00:00 +1500")) == "time zone is not an offset like +0000");
  CHECK(why(with_time("2026-01-01T00:00:00Z")) == "time is not like 17/May/2015:10:05:03 +0000");
  CHECK(why(with_time("01/Jan/2026 00:00:00 +0000")) == "time is not like 17/May/2015:10:05:03 +0000");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000") == "time has no closing bracket");
}

TEST_CASE("access log: escapes stay in the line, and a quote in a field does not end it") {
  const auto line = parse_access_line(
      R"log(h - - [01/Jan/2026:00:00:00 +0000] "GET /q\"x HTTP/1.1" 200 1 "http://\xe4\\" "acme (\"nightly\")")log");
  REQUIRE(line.has_value());
  CHECK(line->target == R"(/q\"x)");
  CHECK(line->referer == R"(http://\xe4\\)");
  CHECK(line->agent == R"(acme (\"nightly\"))");
}

TEST_CASE("access log: unescaping knows Apache's letters and nginx's hex, and keeps the rest") {
  CHECK(unescape_log_field(R"(a\"b\\c)") == "a\"b\\c");
  CHECK(unescape_log_field(R"(\x41\xE4\x4g)") == "A\xE4\\x4g");
  CHECK(unescape_log_field(R"(\t\n\q)") == "\t\n\\q");
  CHECK(unescape_log_field("ends\\") == "ends\\");
  CHECK(unescape_log_field("\\x4") == "\\x4");
}

TEST_CASE("access log: a request may lack the protocol, and its target may hold blanks") {
  CHECK(parse_access_line(with_request("GET /old"))->protocol.empty());
  const std::string text = with_request("GET /a b HTTP/1.1");
  const auto blank = parse_access_line(text);
  REQUIRE(blank.has_value());
  CHECK(blank->target == "/a b");
  CHECK(blank->protocol == "HTTP/1.1");
}

TEST_CASE("access log: what is no request is refused with the reason") {
  CHECK(why(with_request("-")) == "request is empty: the client sent none");
  CHECK(why(with_request("")) == "request is empty: the client sent none");
  CHECK(why(with_request(R"(\x16\x03\x01)")) == "request does not begin with a method");
  CHECK(why(with_request("GET")) == "request has no target");
  CHECK(why(with_request("GET  HTTP/1.1")) == "request has no target");
  CHECK(why(with_request("GET HTTP/1.1")) == "request has no target");
}

TEST_CASE("access log: every cut through a line is refused or is a shorter valid line, and never reads beyond it") {
  const std::string line = combined;
  for (std::size_t size = 0; size < line.size(); ++size) {
    const std::string cut = line.substr(0, size);  // a buffer of its own, so that the sanitizer sees an overrun
    const auto parsed = parse_access_line(cut);
    if (parsed) CHECK(parsed->status == 200);
    if (size < line.find(" 203023")) CHECK_FALSE(parsed.has_value());
  }
}

TEST_CASE("access log: each broken field has its own reason") {
  CHECK(why("") == "client address is missing");
  CHECK(why("- - - [x]") == "client address is missing");
  CHECK(why("garbage") == "no `[time]` after client, ident and user");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000] GET / 200 1") == "no quoted request after the time");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1 200 1") == "request has no closing quote");
  CHECK(why(with_request("GET / HTTP/1.1") + "x") == "size is neither a number nor `-`");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 20 1") == "status is not 100 to 999");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 099 1") == "status is not 100 to 999");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 -1") == "size is neither a number nor `-`");
  CHECK(why("h - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 99999999999999999999") ==
        "size is neither a number nor `-`");
  CHECK(why(with_request("GET / HTTP/1.1") + " \"http://e") == "referer has no closing quote");
  CHECK(why(with_request("GET / HTTP/1.1") + " \"-\" \"Mozilla") ==
        "user agent has no closing quote (a line cut off?)");
  CHECK(why(with_request("GET / HTTP/1.1") + " \"-\" \"M\"x") == "text directly after the user agent's closing quote");
}

TEST_CASE("access log: fields of the site's own after the known ones, and a CR, are ignored") {
  CHECK(parse_access_line(std::string(combined) + " \"10.0.0.1\" rt=0.003").has_value());
  CHECK(parse_access_line(with_request("GET / HTTP/1.1") + " 1234").has_value());
  const auto line = parse_access_line(with_request("GET / HTTP/1.1") + "7\r");
  REQUIRE(line.has_value());
  CHECK(line->bytes == 17);
}

}  // namespace access_log_test

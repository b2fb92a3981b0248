#include "http/header_check.h"

#include <doctest/doctest.h>

#include <string>

#include "http/target.h"

namespace tally::http::header_check_test {
namespace {

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

std::string refusal(std::string_view head, const HeaderBounds& bounds = {}) {
  const auto checked = check_head(head, bounds);
  return checked ? "accepted" : checked.error().rule;
}

std::string target_refusal(std::string_view target) {
  return refusal("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
}

constexpr std::string_view malformed = "malformed_request";

}  // namespace

TEST_CASE("header check: a plain request is accepted and measured") {
  const auto head =
      check_head("POST /v1/reports?x=1 HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 12\r\n\r\n", {});
  REQUIRE(head.has_value());
  CHECK(head->method == "POST");
  CHECK(head->target == "/v1/reports?x=1");
  CHECK(head->content_length == 12);
  CHECK(head->keep_alive);
  CHECK_FALSE(head->chunked);
  CHECK_FALSE(head->expect_continue);
}

TEST_CASE("header check: Transfer-Encoding is exactly one chunked or refused") {
  CHECK(refusal(get("Host: a\r\nTransfer-Encoding: chunked\r\n")) == "accepted");
  CHECK(refusal(get("Host: a\r\nTRANSFER-ENCODING: Chunked\r\n")) == "accepted");
  for (const std::string_view value :
       {"gzip", "identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked;q=1", "xchunked",
        "\"chunked\"", "chunked,", ",chunked", "", "chun ked", "\vchunked"})
    CHECK_MESSAGE(refusal(get("Host: a\r\nTransfer-Encoding: " + std::string(value) + "\r\n")) == malformed, value);
  CHECK(refusal(get("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n")) == malformed);
  CHECK(refusal("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") == malformed);
}

TEST_CASE("header check: Content-Length is one decimal number or refused") {
  CHECK(refusal(get("Host: a\r\nContent-Length: 0\r\n")) == "accepted");
  CHECK(refusal(get("Host: a\r\nContent-Length:  7 \t\r\n")) == "accepted");
  for (const std::string_view value : {"", "-1", "+1", "1,1", "1, 1", "0x10", "1 1", "1.0", "9999999999999999999", "a"})
    CHECK_MESSAGE(refusal(get("Host: a\r\nContent-Length: " + std::string(value) + "\r\n")) == malformed, value);
  CHECK(refusal(get("Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n")) == malformed);
}

TEST_CASE("header check: HTTP/1.1 names one valid Host") {
  CHECK(refusal(get("")) == malformed);
  CHECK(refusal(get("Host: a\r\nHost: a\r\n")) == malformed);
  for (const std::string_view host :
       {"example.com", "a:80", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:443", "under_score"})
    CHECK_MESSAGE(refusal(get("Host: " + std::string(host) + "\r\n")) == "accepted", host);
  for (const std::string_view host :
       {"", "a b", "a,b", "a/b", "user@a", "a:", "a:x", "a:65536", "[::1", "[::1]x", "[127.0.0.1]", "::1", "a%41"})
    CHECK_MESSAGE(refusal(get("Host: " + std::string(host) + "\r\n")) == malformed, host);
  CHECK(refusal("GET / HTTP/1.0\r\n\r\n") == "accepted");
  CHECK(refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == malformed);
}

TEST_CASE("header check: targets are origin-form, or absolute-form that agrees with Host") {
  for (const std::string_view target : {"/", "/usage?month=9&year=2025", "/a%2Fb", "/a//b", "/x?q=%20+&&=", "/...",
                                        "/a?../..", "http://a", "http://a/x?y", "HTTPS://A/"})
    CHECK_MESSAGE(target_refusal(target) == "accepted", target);
  for (const std::string_view target :
       {"*",           "a",      "a:80",     "http://b/", "ftp://a/", "http:///x", "http://u@a/", "/a#b",
        "/%",          "/%4",    "/%zz",     "/?%zz",     "/../a",    "/a/..",     "/a/./b",      "/%2e%2E/a",
        "/a%2f..%2fb", "/a%00b", "/a%0d%0a", "/a\\b",     "/%5c",     "/\xc3\xa9", "/\"",         "?x"})
    CHECK_MESSAGE(target_refusal(target) == malformed, target);
  CHECK(target_refusal("/" + std::string(9000, 'a')) == "target_too_long");
}

TEST_CASE("header check: the request line is method, target and version with single spaces") {
  for (const std::string_view line :
       {"GET", "GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET / http/1.1",
        "GET / HTTP/1", "GET / HTTP/1.11", "GET / HTTP/x.1", "G(T / HTTP/1.1", "GET\t/ HTTP/1.1", "GET /\tx HTTP/1.1",
        "CONNECT a:80 HTTP/1.1", "CONNECT / HTTP/1.1", "TRACE / HTTP/1.1", ""})
    CHECK_MESSAGE(refusal(std::string(line) + "\r\nHost: a\r\n\r\n") == malformed, line);
  CHECK(refusal("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == "unsupported_version");
  CHECK(refusal("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == "unsupported_version");
  CHECK(refusal("GET / HTTP/0.9\r\nHost: a\r\n\r\n") == "unsupported_version");
  CHECK(refusal("BREW / HTTP/1.1\r\nHost: a\r\n\r\n") == "accepted");
}

TEST_CASE("header check: lines are not folded, names are tokens, bytes are printable") {
  CHECK(refusal(get("Host: a\r\nX: 1\r\n 2\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nX: 1\r\n\t2\r\n")) == malformed);
  CHECK(refusal(get("Host : a\r\n")) == malformed);
  CHECK(refusal(get(" Host: a\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nno colon\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\n: empty\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nX(y): 1\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nX: 1\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nX: 1\rY: 2\r\n")) == malformed);
  CHECK(refusal(get("Host: a\nX: 1\r\n")) == malformed);
  CHECK(refusal(get(std::string("Host: a\r\nX: \0\r\n", 15))) == malformed);
  CHECK(refusal(get("Host: a\r\nX: \x01\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nX: \x7f\r\n")) == malformed);
  CHECK(refusal(get("Host: a\r\nX: caf\xc3\xa9\tz\r\n")) == "accepted");
  CHECK(refusal("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest") == malformed);
}

TEST_CASE("header check: Connection decides about keep-alive by version") {
  const auto keeps = [](std::string_view version, std::string_view fields) {
    return check_head("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n" + std::string(fields) + "\r\n", {})
        ->keep_alive;
  };
  CHECK(keeps("1.1", ""));
  CHECK_FALSE(keeps("1.1", "Connection: close\r\n"));
  CHECK_FALSE(keeps("1.1", "Connection: x, Close\r\n"));
  CHECK_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK_FALSE(keeps("1.0", ""));
  CHECK(keeps("1.0", "Connection: Keep-Alive\r\n"));
  CHECK_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
  CHECK(refusal(get("Host: a\r\nConnection: a b\r\n")) == malformed);
}

TEST_CASE("header check: the only expectation is 100-continue") {
  CHECK(check_head(get("Host: a\r\nExpect: 100-Continue\r\n"), {})->expect_continue);
  CHECK(refusal(get("Host: a\r\nExpect: tea\r\n")) == "expectation_failed");
  CHECK_FALSE(check_head("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", {})->expect_continue);
}

TEST_CASE("header check: size and number of fields are bounded") {
  HeaderBounds bounds;
  bounds.fields_max = 3;
  bounds.bytes_max = 200;
  CHECK(refusal(get("Host: a\r\nA: 1\r\nB: 2\r\n"), bounds) == "accepted");
  CHECK(refusal(get("Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n"), bounds) == "header_too_large");
  CHECK(refusal(get("Host: a\r\nA: " + std::string(200, 'x') + "\r\n"), bounds) == "header_too_large");
}

TEST_CASE("header check: each refusal has its status") {
  CHECK(refusal_status(fail(Errc::invalid_argument, "", "malformed_request")) == 400);
  CHECK(refusal_status(fail(Errc::too_large, "", "header_too_large")) == 431);
  CHECK(refusal_status(fail(Errc::too_large, "", "target_too_long")) == 414);
  CHECK(refusal_status(fail(Errc::invalid_argument, "", "unsupported_version")) == 505);
  CHECK(refusal_status(fail(Errc::invalid_argument, "", "expectation_failed")) == 417);
}

TEST_CASE("head scan: the end is found wherever the header was cut") {
  const std::string head = get("Host: a\r\nX: y\r\n");
  for (std::size_t cut = 0; cut < head.size(); ++cut) {
    std::size_t scanned = 0;
    CHECK(scan_head(head.substr(0, cut), scanned).state == HeadEnd::incomplete);
    const HeadScan whole = scan_head(head + "next", scanned);
    CHECK(whole.state == HeadEnd::complete);
    CHECK(whole.size == head.size());
  }
}

TEST_CASE("head scan: a bare LF is told at once") {
  for (const std::string_view bytes : {"\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n\n"}) {
    std::size_t scanned = 0;
    CHECK(scan_head(bytes, scanned).state == HeadEnd::malformed);
  }
}

TEST_CASE("target: path and query are decoded, each by its rule") {
  Request request;
  request.target = "/v1/a%20b+c?x=1+2&y=%26%3d&flag&=v&&x=2";
  split_target(request);
  CHECK(request.path == "/v1/a b+c");
  const std::vector<Field> expected{{"x", "1 2"}, {"y", "&="}, {"flag", ""}, {"", "v"}, {"x", "2"}};
  CHECK(request.query == expected);
  CHECK(request.param("x") == "1 2");
  CHECK_FALSE(request.param("z"));
  request.target = "http://host:80?q=1";
  split_target(request);
  CHECK(request.path == "/");
  CHECK(request.param("q") == "1");
}

}  // namespace tally::http::header_check_test

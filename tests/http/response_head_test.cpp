#include "http/response_head.h"

#include <doctest/doctest.h>

namespace tally::http::response_head_test {

TEST_CASE("response head: fields stand in a fixed order and end with an empty line") {
  Response response;
  response.status = 202;
  response.content_type = "application/json";
  response.body = "{}";
  response.headers = {{"Location", "/v1/reports/x"}};
  std::string out;
  append_response_head(out, response, {"Tue, 03 Feb 2026 04:05:06 GMT", "id1", 1, true});
  CHECK(out ==
        "HTTP/1.1 202 Accepted\r\nServer: tally\r\nDate: Tue, 03 Feb 2026 04:05:06 GMT\r\nContent-Type: "
        "application/json\r\n"
        "Content-Length: 2\r\nX-Request-Id: id1\r\nLocation: /v1/reports/x\r\n\r\n");
}

TEST_CASE("response head: Connection says what HTTP/1.0 and 1.1 do not do by themselves") {
  const auto connection = [](int version_minor, bool keep_alive) {
    std::string out;
    append_response_head(out, Response{}, {"d", "i", version_minor, keep_alive});
    const std::size_t at = out.find("Connection: ");
    return at == std::string::npos ? std::string() : out.substr(at, out.find("\r\n", at) - at);
  };
  CHECK(connection(1, true).empty());
  CHECK(connection(1, false) == "Connection: close");
  CHECK(connection(0, true) == "Connection: keep-alive");
  CHECK(connection(0, false) == "Connection: close");
}

TEST_CASE("response head: a client's request id is repeated only if it is harmless") {
  CHECK(sane_request_id("a1._~:+/=@-Z"));
  CHECK(sane_request_id(std::string(128, 'x')));
  CHECK_FALSE(sane_request_id(""));
  CHECK_FALSE(sane_request_id(std::string(129, 'x')));
  CHECK_FALSE(sane_request_id("a b"));
  CHECK_FALSE(sane_request_id("<script>"));
  CHECK_FALSE(sane_request_id("a\"b"));
}

}  // namespace tally::http::response_head_test

#include "http/router.h"

#include <doctest/doctest.h>

namespace tally::http::router_test {
namespace {

Response plain_error(int status, std::string_view code, const Request& request) {
  Response response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::string(code) + " " + request.path;
  return response;
}

// Answers with the name it was made with and what the path matched.
Handler named(std::string name) {
  return [name](Request&& request, const Reply& reply) {
    Response response;
    response.body = name;
    for (const Field& param : request.path_params) response.body += " " + param.first + "=" + param.second;
    reply(std::move(response));
  };
}

Response ask(const Router& router, std::string method, std::string target) {
  Request request;
  request.method = std::move(method);
  request.path = target;
  request.target = std::move(target);
  Response got;
  router.route(std::move(request), Reply([&got](Response&& response) { got = std::move(response); }));
  return got;
}

Router example() {
  Router router(plain_error);
  router.add("GET", "/usage", named("usage"));
  router.add("POST", "/v1/reports", named("submit"));
  router.add("GET", "/v1/reports", named("list"));
  router.add("GET", "/v1/reports/{request_id}", named("poll"));
  router.add("DELETE", "/v1/reports/{request_id}", named("cancel"));
  router.add("GET", "/v1/reports/{request_id}/result", named("result"));
  router.add("GET", "/v1/reports/latest", named("latest"));
  router.add("GET", "/prices", named("prices"));
  router.add("GET", "/prices/{endpoint...}", named("price"));
  router.add("POST", "/events/{source}/{id}/reverse", named("reverse"));
  return router;
}

}  // namespace

TEST_CASE("router: method and path choose the handler") {
  const Router router = example();
  CHECK(ask(router, "GET", "/usage?month=9").body == "usage");
  CHECK(ask(router, "POST", "/v1/reports").body == "submit");
  CHECK(ask(router, "GET", "/v1/reports/abc_1").body == "poll request_id=abc_1");
  CHECK(ask(router, "DELETE", "/v1/reports/abc_1").body == "cancel request_id=abc_1");
  CHECK(ask(router, "GET", "/v1/reports/abc/result").body == "result request_id=abc");
  CHECK(ask(router, "POST", "/events/gw/7/reverse").body == "reverse source=gw id=7");
  CHECK(ask(router, "GET", "http://host/v1/reports/x").body == "poll request_id=x");
}

TEST_CASE("router: a literal wins over a name, also when only one of them goes on") {
  const Router router = example();
  CHECK(ask(router, "GET", "/v1/reports/latest").body == "latest");
  CHECK(ask(router, "GET", "/v1/reports/latest/result").body == "result request_id=latest");
}

TEST_CASE("router: the rest of a path may hold slashes, escaped or not") {
  const Router router = example();
  CHECK(ask(router, "GET", "/prices").body == "prices");
  CHECK(ask(router, "GET", "/prices/search/company").body == "price endpoint=search/company");
  CHECK(ask(router, "GET", "/prices/search%2Fcompany%20x").body == "price endpoint=search/company x");
  CHECK(ask(router, "GET", "/prices/").status == 404);
}

TEST_CASE("router: an escaped slash never makes two segments of one") {
  const Router router = example();
  CHECK(ask(router, "GET", "/v1%2Freports").status == 404);
  CHECK(ask(router, "GET", "/v1/reports/a%2Fresult").body == "poll request_id=a/result");
}

TEST_CASE("router: unknown paths are 404 in the shape of the caller's dialect") {
  const Router router = example();
  const Response response = ask(router, "GET", "/nowhere");
  CHECK(response.status == 404);
  CHECK(response.body == "not_found /nowhere");
  for (const char* path : {"/", "/v1", "/usage/", "/usage/x", "/v1/reports//result", "/v1/reports/a/result/b"})
    CHECK_MESSAGE(ask(router, "GET", path).status == 404, path);
}

TEST_CASE("router: another method is 405 with Allow, OPTIONS 204 with it") {
  const Router router = example();
  const Response wrong = ask(router, "PATCH", "/v1/reports");
  CHECK(wrong.status == 405);
  CHECK(wrong.body == "method_not_allowed /v1/reports");
  REQUIRE(wrong.headers.size() == 1);
  CHECK(wrong.headers[0] == Field{"Allow", "GET, HEAD, OPTIONS, POST"});
  const Response options = ask(router, "OPTIONS", "/v1/reports/x");
  CHECK(options.status == 204);
  CHECK(options.headers.at(0).second == "DELETE, GET, HEAD, OPTIONS");
}

TEST_CASE("router: HEAD is answered as GET is") {
  const Router router = example();
  CHECK(ask(router, "HEAD", "/usage").body == "usage");
  CHECK(ask(router, "HEAD", "/events/a/b/reverse").status == 405);
}

TEST_CASE("router: routes() lists what was added, sorted") {
  Router router(plain_error);
  router.add("POST", "/b", named("b"));
  router.add("GET", "/b", named("b"));
  router.add("GET", "/a/{id}", named("a"));
  const std::vector<std::pair<std::string, std::string>> expected{{"GET", "/a/{id}"}, {"GET", "/b"}, {"POST", "/b"}};
  CHECK(router.routes() == expected);
}

}  // namespace tally::http::router_test

#include "http/accept.h"

#include <doctest/doctest.h>

#include <array>

namespace tally::http::accept_test {
namespace {

constexpr std::array<std::string_view, 2> offers = {"application/xml", "application/json"};

std::string_view chosen(std::initializer_list<const char*> accept) {
  Request request;
  for (const char* value : accept) request.headers.emplace_back("accept", value);
  return offers[preferred_type(request, offers)].substr(12);
}

}  // namespace

TEST_CASE("accept: without a wish, or with one that nothing meets, the first offer") {
  CHECK(chosen({}) == "xml");
  CHECK(chosen({""}) == "xml");
  CHECK(chosen({"*/*"}) == "xml");
  CHECK(chosen({"text/html"}) == "xml");
  CHECK(chosen({"application/json;q=0"}) == "xml");
  CHECK(chosen({"application/*"}) == "xml");
}

TEST_CASE("accept: the higher weight wins, of equal ones what is named more closely, then the first offer") {
  CHECK(chosen({"application/json"}) == "json");
  CHECK(chosen({"Application/JSON"}) == "json");
  CHECK(chosen({"application/json, application/xml"}) == "xml");
  CHECK(chosen({"application/xml;q=0.9, application/json"}) == "json");
  CHECK(chosen({"application/xml;q=0.9,application/json;q=0.901"}) == "json");
  CHECK(chosen({"application/xml;q=0.9 , application/json ; q=0.8"}) == "xml");
  CHECK(chosen({"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}) == "xml");
  CHECK(chosen({"application/json, text/plain, */*"}) == "json");
  CHECK(chosen({"application/json;q=0.8, */*"}) == "xml");
  CHECK(chosen({"application/xml;q=0", "*/*"}) == "json");
}

TEST_CASE("accept: the most specific range that names a type decides its weight") {
  CHECK(chosen({"*/*, application/xml;q=0.1"}) == "json");
  CHECK(chosen({"application/*;q=0.2, */*, application/json;q=0.3"}) == "json");
  CHECK(chosen({"application/*, application/json;q=0.3"}) == "xml");
  CHECK(chosen({"application/json;q=0.2", "application/xml;q=0.1", "application/json;q=0.05"}) == "json");
}

TEST_CASE("accept: what is malformed or has parameters is passed over") {
  CHECK(chosen({"application/json;q=2"}) == "xml");
  CHECK(chosen({"application/json;q=1.001"}) == "xml");
  CHECK(chosen({"application/json;q=0.1234"}) == "xml");
  CHECK(chosen({"application/json;q="}) == "xml");
  CHECK(chosen({"application/json;q=.5"}) == "xml");
  CHECK(chosen({"json"}) == "xml");
  CHECK(chosen({"/json, application/"}) == "xml");
  CHECK(chosen({"application/json;version=1"}) == "xml");
  CHECK(chosen({"application/json;v=\"a,b;q=0\", application/json"}) == "json");
  CHECK(chosen({"application/json;v=\"unclosed, application/json"}) == "xml");
  CHECK(chosen({",,;,application/json;;q=0.5;ext=1,"}) == "json");
  CHECK(chosen({"application/json;Q=1.000"}) == "json");
}

}  // namespace tally::http::accept_test

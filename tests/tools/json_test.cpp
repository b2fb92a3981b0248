#include "tools/tally/json.h"

#include <doctest/doctest.h>

namespace json_test {

using namespace tally::tools;

TEST_CASE("json: what is missing answers with nothing, all the way down") {
  const auto json = Json::parse(R"({"a":{"b":[1,"x",null,true]},"a.c":2})");
  REQUIRE(json.has_value());
  CHECK((*json)["a"]["b"].item(1).text() == "x");
  CHECK((*json)["a"]["b"].item(0).integer() == 1);
  CHECK((*json)["a"]["b"].item(3).text() == "true");
  CHECK((*json)["a"]["b"].item(2).is_null());
  CHECK_FALSE((*json)["no"]["such"].item(7)["thing"].exists());
  CHECK((*json)["no"].text().empty());
  CHECK((*json)["no"].dump() == "null");
  CHECK(json->at_path("a.c").integer() == 2);
  CHECK(json->at_path("a.b").size() == 4);
  CHECK_FALSE(json->at_path("a.x.y").exists());
}

TEST_CASE("json: a part outlives the document it came from") {
  Json part;
  {
    const auto whole = Json::parse(R"({"a":{"b":"kept"}})");
    part = (*whole)["a"];
  }
  CHECK(part.dump() == R"({"b":"kept"})");
}

TEST_CASE("json: broken, truncated, trailing and bottomless documents are refused") {
  for (const char* text : {"", "{", "{}x", "{\"a\":}", "\"\xff\"", "nul"})
    CHECK_FALSE_MESSAGE(Json::parse(text).has_value(), text);
  CHECK(Json::parse(std::string(64, '[') + std::string(64, ']')).has_value());
  CHECK_FALSE(Json::parse(std::string(65, '[') + std::string(65, ']')).has_value());
  CHECK_FALSE(Json::parse(std::string(1'000'000, '[')).has_value());
  CHECK(Json::parse("\"" + std::string(100, '[') + "\"").has_value());
}

TEST_CASE("json: any bytes can be written as a string and read back, except those that are no text") {
  for (const std::string text : {"plain", "q\"b\\s/", "\x01\n\t", "caf\xc3\xa9 \xf0\x9f\x8d\xb5", "\x7f"}) {
    const auto read = Json::parse(json_string(text));
    REQUIRE(read.has_value());
    CHECK(read->text() == text);
  }
  CHECK(Json::parse(json_string("\xff\xc0\x80\xed\xa0\x80\xe2\x82"))->text().find('\xff') == std::string::npos);
  CHECK(json_string("a\xe4z") == "\"a\xef\xbf\xbdz\"");
}

TEST_CASE("json: an object is written member by member") {
  JsonObject object;
  CHECK(object.str() == "{}");
  object.text("a", "x").integer("b", -1).boolean("c", true).texts("d", {"1", "2"}).raw("e", "{}");
  CHECK(object.str() == R"({"a":"x","b":-1,"c":true,"d":["1","2"],"e":{}})");
}

}  // namespace json_test

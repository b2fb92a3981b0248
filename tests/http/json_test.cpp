#include "http/json.h"

#include <doctest/doctest.h>

#include "http/json_writer.h"

namespace tally::http::json_test {
namespace {

std::string refusal(std::string body) {
  const auto value = parse_json(std::move(body));
  return value ? "accepted" : value.error().rule;
}

std::string credits(std::string_view number) {
  const auto value = json_credits(number);
  return value ? value->to_string() : "refused";
}

}  // namespace

TEST_CASE("json: a tree keeps kinds, order and the text of numbers") {
  const auto value = parse_json(R"( {"a":[1,-2.50,1e-05,true,null,"x\u00e9\ud83d\ude00\n"],"b":{"c":"d"}} )");
  REQUIRE(value.has_value());
  const JsonValue& list = *value->find("a");
  REQUIRE(list.items.size() == 6);
  CHECK(list.items[0].text == "1");
  CHECK(list.items[1].text == "-2.50");
  CHECK(list.items[2].text == "1e-05");
  CHECK(list.items[3].boolean);
  CHECK(list.items[4].kind == JsonValue::Kind::null);
  CHECK(list.items[5].text == "x\xc3\xa9\xf0\x9f\x98\x80\n");
  CHECK(value->find("b")->find("c")->text == "d");
  CHECK(value->find("z") == nullptr);
}

TEST_CASE("json: what RFC 8259 does not allow is malformed") {
  for (const std::string_view body : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "{a:1}",
                                      "[1] x",
                                      "[1][2]",
                                      "nul",
                                      "01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "-",
                                      "NaN",
                                      "Infinity",
                                      "\"\t\"",
                                      "\"\\x\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\xff\"",
                                      "\"\xc0\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"abc",
                                      "// c\n1",
                                      "1e400",
                                      "\xef\xbb\xbf{}"})
    CHECK_MESSAGE(refusal(std::string(body)) == "malformed_json", body);
  CHECK(refusal(std::string("[1]\0junk", 8)) == "malformed_json");
  CHECK(refusal(std::string("\"a\0b\"", 5)) == "malformed_json");
}

TEST_CASE("json: a key that is there twice is refused, also deep down") {
  CHECK(refusal(R"({"a":1,"a":1})") == "duplicate_key");
  CHECK(refusal(R"([{"x":{"a":1,"b":2,"\u0061":3}}])") == "duplicate_key");
  CHECK(refusal(R"({"a":{"a":{"a":1}}})") == "accepted");
}

TEST_CASE("json: depth and size are bounded") {
  CHECK(refusal(std::string(32, '[') + std::string(32, ']')) == "accepted");
  CHECK(refusal(std::string(33, '[') + std::string(33, ']')) == "malformed_json");
  CHECK(refusal(std::string(1'000'000, '[')) == "malformed_json");
  std::string many = "[0";
  for (std::size_t i = 0; i < json_values_max; ++i) many += ",0";
  CHECK(refusal(many + "]") == "too_many_values");
}

TEST_CASE("json: numbers become credits exactly, with and without an exponent") {
  CHECK(credits("142.5") == "142.5");
  CHECK(credits("-0.000001") == "-0.000001");
  CHECK(credits("1e-05") == "0.00001");
  CHECK(credits("1.25E+3") == "1250");
  CHECK(credits("-12.5e-3") == "-0.0125");
  CHECK(credits("1e12") == "1000000000000");
  CHECK(credits("100e-2") == "1");
  CHECK(credits("0e0") == "0");
  CHECK(credits("0.0000001") == "refused");
  CHECK(credits("1e-7") == "refused");
  CHECK(credits("1e13") == "refused");
  CHECK(credits("1e400") == "refused");
  CHECK(credits("1e99999999999") == "refused");
}

TEST_CASE("json reader: fields are taken by name and type") {
  const auto value = parse_json(
      R"({"name":"n","on":true,"count":7,"amount":"1.5","price":0.25,"at":"2026-02-03T04:05:06Z","ips":["a","b"],"list":[1],"obj":{}})");
  REQUIRE(value.has_value());
  JsonReader in(*value);
  CHECK(in.string("name") == "n");
  CHECK(in.boolean("on"));
  CHECK(in.integer("count", 0, 10) == 7);
  CHECK(in.credits("amount") == Credits::from_micros(1'500'000));
  CHECK(in.optional_credits("price") == Credits::from_micros(250'000));
  CHECK(in.time("at").to_string() == "2026-02-03T04:05:06Z");
  CHECK(in.strings("ips") == std::vector<std::string>{"a", "b"});
  CHECK(in.array("list").items.size() == 1);
  CHECK(in.object("obj").items.empty());
  CHECK_FALSE(in.optional_string("absent"));
  CHECK(in.finish().has_value());
}

TEST_CASE("json reader: the first thing wrong is told, with the way to it") {
  const auto value = parse_json(R"({"prices":[{"credits":1.2345678,"extra":1}],"name":3,"expires_at":null})");
  REQUIRE(value.has_value());
  SUBCASE("wrong type") {
    JsonReader in(*value);
    CHECK(in.string("name").empty());
    CHECK(in.string("missing").empty());
    const auto result = in.finish();
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().rule == "invalid_name");
    CHECK(result.error().detail == "name must be a string");
  }
  SUBCASE("missing") {
    JsonReader in(*value);
    CHECK(in.string("title").empty());
    CHECK(in.finish().error().rule == "missing_title");
  }
  SUBCASE("nested") {
    JsonReader in(*value);
    JsonReader price(in.array("prices").items[0], in.path_of("prices", 0));
    CHECK_FALSE(price.optional_credits("credits"));
    CHECK(price.finish().error().detail.find("prices[0].credits must be a decimal") == 0);
  }
  SUBCASE("unknown") {
    JsonReader in(*value);
    static_cast<void>(in.array("prices"));
    static_cast<void>(in.is_null("expires_at"));
    const auto result = in.finish();
    CHECK(result.error().rule == "unknown_field");
    CHECK(result.error().detail == "there is no field name");
  }
  SUBCASE("null is a value of its own") {
    JsonReader in(*value);
    CHECK(in.is_null("expires_at"));
    CHECK_FALSE(in.is_null("name"));
    CHECK_FALSE(in.optional_time("expires_at"));
    CHECK(in.finish().error().rule == "invalid_expires_at");
  }
  SUBCASE("no object") {
    const auto list = parse_json("[1]");
    JsonReader in(*list);
    CHECK(in.string("name").empty());
    CHECK(in.finish().error().rule == "invalid_body");
  }
}

TEST_CASE("json reader: integers keep their bounds and are never rounded") {
  for (const std::string_view number : {"-1", "11", "3.0", "3e0", "9223372036854775808", "\"3\""}) {
    const auto value = parse_json("{\"n\":" + std::string(number) + "}");
    REQUIRE(value.has_value());
    JsonReader in(*value);
    CHECK_FALSE(in.optional_integer("n", 0, 10));
    CHECK_MESSAGE(in.finish().error().rule == "invalid_n", number);
  }
}

TEST_CASE("json writer: commas, nesting and values") {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("a", "x").field("n", std::int64_t{-5}).field("b", true).key("list").begin_array();
  json.number(1).null().begin_object().end_object().begin_array().end_array().end_array();
  json.key("c").credits_string(Credits::from_micros(142'500'000)).key("d").credits_number(Credits::from_micros(100));
  json.field("t", UtcTime::from_ms(0)).key("raw").raw("[1]").end_object();
  CHECK(
      out ==
      R"({"a":"x","n":-5,"b":true,"list":[1,null,{},[]],"c":"142.5","d":0.0001,"t":"1970-01-01T00:00:00Z","raw":[1]})");
}

TEST_CASE("json writer: a string is valid JSON whatever bytes it had") {
  std::string out;
  append_json_string(out, "q\" b\\ n\n c\x01 \xc3\xa9 \xf0\x9f\x98\x80 bad\xff cut\xe2\x82");
  CHECK(out == "\"q\\\" b\\\\ n\\n c\\u0001 \xc3\xa9 \xf0\x9f\x98\x80 bad\xef\xbf\xbd cut\xef\xbf\xbd\xef\xbf\xbd\"");
  for (int byte = 0; byte < 256; ++byte) {
    std::string text = "x";
    text += static_cast<char>(byte);
    out.clear();
    append_json_string(out, text);
    const auto back = parse_json(out);
    REQUIRE(back.has_value());
    if (byte < 0x80) CHECK(back->text == text);
  }
}

}  // namespace tally::http::json_test

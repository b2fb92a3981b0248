#include "tools/tally/event_maker.h"

#include <doctest/doctest.h>

#include "tools/tally/json.h"

namespace event_maker_test {

using namespace tally;
using namespace tally::tools;

namespace {

EventRules rules_for(LogFormat format) {
  EventRules rules;
  rules.format = format;
  rules.source = "import:access.log";
  return rules;
}

Json event_of(EventMaker& maker, std::string_view line) {
  auto event = maker.make(line);
  REQUIRE(event.has_value());
  REQUIRE((*event).has_value());
  auto json = Json::parse((*event)->json);
  REQUIRE(json.has_value());
  return *json;
}

constexpr const char* good = R"(192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /search/x?q=1 HTTP/1.1" 200 5)";
constexpr const char* failed = R"(192.0.2.1 - ann [17/May/2015:10:05:03 +0000] "GET /search HTTP/1.1" 404 5)";

}  // namespace

TEST_CASE("event maker: an access log line becomes the event that the contract describes") {
  EventMaker maker(rules_for(LogFormat::apache));
  const auto event = maker.make(good);
  REQUIRE(event.has_value());
  REQUIRE((*event).has_value());
  CHECK((*event)->json == R"({"id":")" + LineIds().next(good) +
                              R"(","source":"import:access.log","account":"ip-192-0-2-1","endpoint":"search",)"
                              R"("time":"2015-05-17T10:05:03Z","ok":true,"results":1})");
  CHECK((*event)->account == "ip-192-0-2-1");
  CHECK((*event)->account_name == "192.0.2.1");
}

TEST_CASE("event maker: a status of 400 and above is not ok and has no result") {
  EventMaker maker(rules_for(LogFormat::apache));
  const Json event = event_of(maker, failed);
  CHECK(event["ok"].text() == "false");
  CHECK(event["results"].integer() == 0);
}

TEST_CASE("event maker: two equal lines are two events, and a second run makes the same two") {
  EventMaker first(rules_for(LogFormat::apache));
  EventMaker second(rules_for(LogFormat::apache));
  const std::string one = event_of(first, good)["id"].text();
  const std::string two = event_of(first, good)["id"].text();
  CHECK(one != two);
  CHECK(event_of(second, good)["id"].text() == one);
  CHECK(event_of(second, good)["id"].text() == two);
}

TEST_CASE("event maker: a bad or skipped line changes no later id") {
  EventRules rules = rules_for(LogFormat::apache);
  REQUIRE(add_skip_rule(rules.mapping, "/favicon.ico").has_value());
  EventMaker maker(rules);
  CHECK_FALSE(maker.make("garbage").has_value());
  const auto skipped = maker.make(R"(192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /favicon.ico HTTP/1.1" 200 5)");
  REQUIRE(skipped.has_value());
  CHECK_FALSE((*skipped).has_value());
  CHECK(event_of(maker, good)["id"].text() == LineIds().next(good));
}

TEST_CASE("event maker: users as accounts, escapes undone") {
  EventRules rules = rules_for(LogFormat::apache);
  rules.mapping.account_by = AccountBy::user;
  EventMaker maker(rules);
  const auto event = maker.make(R"(h - a\"b [17/May/2015:10:05:03 +0000] "GET /caf\xc3\xa9 HTTP/1.1" 200 5)");
  REQUIRE(event.has_value());
  CHECK((*event)->account == account_id_for("a\"b"));
  CHECK((*event)->account_name == "a\"b");
  CHECK((*event)->json.find("\"endpoint\":\"caf%C3%A9\"") != std::string::npos);
  CHECK(maker.make(good).error().detail == "no user");
}

TEST_CASE("event maker: details are kept when asked for, whatever bytes the path has") {
  EventRules rules = rules_for(LogFormat::jsonl);
  rules.keep_details = true;
  EventMaker maker(rules);
  const Json event = event_of(
      maker,
      R"({"time":1770000000,"method":"GET","path":"/x\"y","status":200,"client_ip":"192.0.2.1","bytes":7,"request_id":"r1"})");
  CHECK(event["details"].dump() == R"({"method":"GET","path":"/x\"y","status":200,"bytes":7,"request_id":"r1"})");
}

TEST_CASE("event maker: an event of our own passes byte for byte") {
  EventMaker maker(rules_for(LogFormat::ndjson));
  const std::string line = R"( {"id":"1", "account":"acme","endpoint":"x"})";
  const auto event = maker.make(line);
  REQUIRE(event.has_value());
  CHECK((*event)->json == line);
  CHECK((*event)->account == "acme");
  CHECK_FALSE(maker.make("{\"id\":").has_value());
  CHECK_FALSE(maker.make("[]").has_value());
}

TEST_CASE("event maker: the first line tells the format") {
  CHECK(detect_format(good) == LogFormat::apache);
  CHECK(detect_format("") == LogFormat::apache);
  CHECK(detect_format(R"( {"id":"1","account":"a","endpoint":"x"})") == LogFormat::ndjson);
  CHECK(detect_format(R"({"time":1,"path":"/"})") == LogFormat::jsonl);
  CHECK(detect_format("{broken") == LogFormat::jsonl);
}

TEST_CASE("event maker: a rotated log keeps its source") {
  CHECK(source_of("/var/log/nginx/access.log") == "import:access.log");
  CHECK(source_of("access.log.1") == "import:access.log");
  CHECK(source_of("access.log-20260203") == "import:access.log");
  CHECK(source_of("access.log.bak") == "import:access.log.bak");
  CHECK(source_of("2026") == "import:2026");
  CHECK(source_of(".7") == "import:.7");
  CHECK(source_of("-") == "import:stdin");
}

}  // namespace event_maker_test

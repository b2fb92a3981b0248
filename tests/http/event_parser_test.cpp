#include "http/event_parser.h"

#include <doctest/doctest.h>

#include "core/event.h"

namespace tally::http::event_parser_test {
namespace {

const UtcTime now = UtcTime::from_ms(1'770'000'000'000);

ParsedEvents parse(std::string body, EventFormat format = EventFormat::json) {
  auto parsed = parse_events(format, std::move(body), now);
  REQUIRE(parsed.has_value());
  CHECK(parsed->events.size() == parsed->indexes.size());
  return std::move(*parsed);
}

std::string code_of(std::string body, EventFormat format = EventFormat::json) {
  const ParsedEvents parsed = parse(std::move(body), format);
  if (parsed.errors.empty()) return "accepted";
  CHECK(parsed.errors.size() == 1);
  return parsed.errors[0].code;
}

std::string refusal(std::string body, EventFormat format = EventFormat::json) {
  const auto parsed = parse_events(format, std::move(body), now);
  return parsed ? "accepted" : parsed.error().rule;
}

// An event with one more field.
std::string with(std::string_view field) {
  return R"({"id":"1","account":"a","endpoint":"e",)" + std::string(field) + "}";
}

}  // namespace

TEST_CASE("event parser: every field of an event is read") {
  const ParsedEvents parsed = parse(
      R"({"id":"e1","source":"gw","account":"acme","endpoint":"search/x","time":"2026-02-03T04:05:06Z","ok":false,"results":3,
          "credits":1.25,"options":{"verified_email":2,"phone":1},"key":"k1","details":{"a" : "x\"y", "n":1.50,"b":true,"z":null}})");
  CHECK(parsed.single);
  CHECK(parsed.errors.empty());
  REQUIRE(parsed.events.size() == 1);
  const UsageEvent& event = parsed.events[0];
  CHECK(event.id == "e1");
  CHECK(event.source == "gw");
  CHECK(event.account.str() == "acme");
  CHECK(event.endpoint == "search/x");
  CHECK(event.time.to_string() == "2026-02-03T04:05:06Z");
  CHECK_FALSE(event.ok);
  CHECK(event.results == 3);
  CHECK(event.credits == Credits::from_micros(1'250'000));
  CHECK(event.options == std::vector<std::pair<std::string, std::int64_t>>{{"verified_email", 2}, {"phone", 1}});
  CHECK(event.key == "k1");
  CHECK(event.details == R"({"a":"x\"y","n":1.50,"b":true,"z":null})");
}

TEST_CASE("event parser: what is left out has its default") {
  const UsageEvent good = parse(R"({"id":"1","account":"a","endpoint":"e"})").events.at(0);
  CHECK(good.time == now);
  CHECK(good.ok);
  CHECK(good.results == 1);
  CHECK_FALSE(good.credits);
  CHECK(good.details.empty());
  CHECK(parse(with(R"("ok":false)")).events.at(0).results == 0);
  CHECK(parse(with(R"("results":5,"ok":false)")).events.at(0).results == 5);
  CHECK(parse(with(R"("details":{})")).events.at(0).details == "{}");
}

TEST_CASE("event parser: a wrong type or form is refused with the field's own code") {
  CHECK(code_of(R"({"id":1,"account":"a","endpoint":"e"})") == "invalid_id");
  CHECK(code_of(R"({"id":"1","account":null,"endpoint":"e"})") == "invalid_account");
  CHECK(code_of(R"({"id":"1","account":"a","endpoint":["e"]})") == "invalid_endpoint");
  CHECK(code_of(with(R"("source":{"a":1})")) == "invalid_source");
  CHECK(code_of(with(R"("time":1770000000)")) == "invalid_time");
  CHECK(code_of(with(R"("time":"yesterday")")) == "invalid_time");
  CHECK(code_of(with(R"("time":"2026-02-30T00:00:00Z")")) == "invalid_time");
  CHECK(code_of(with(R"("ok":"true")")) == "invalid_ok");
  CHECK(code_of(with(R"("results":1.5)")) == "invalid_results");
  CHECK(code_of(with(R"("results":"1")")) == "invalid_results");
  CHECK(code_of(with(R"("results":99999999999999999999)")) == "invalid_results");
  CHECK(code_of(with(R"("credits":0.0000001)")) == "invalid_credits");
  CHECK(code_of(with(R"("credits":true)")) == "invalid_credits");
  CHECK(code_of(with(R"("credits":"x")")) == "invalid_credits");
  CHECK(code_of(with(R"("options":[1])")) == "invalid_options");
  CHECK(code_of(with(R"("options":3)")) == "invalid_options");
  CHECK(code_of(with(R"("options":{"a":"1"})")) == "invalid_options");
  CHECK(code_of(with(R"("options":{"a":{"b":1}})")) == "invalid_options");
  CHECK(code_of(with(R"("key":false)")) == "invalid_key");
  CHECK(code_of(with(R"("details":"x")")) == "invalid_details");
  CHECK(code_of(with(R"("details":{"a":[1]})")) == "invalid_details");
  CHECK(code_of(with(R"("details":{"a":{"b":{}}})")) == "invalid_details");
  CHECK(code_of("5") == "invalid_event");
  CHECK(code_of("\"x\"") == "invalid_event");
}

TEST_CASE("event parser: credits are exact, as number, exponent or string") {
  CHECK(parse(with(R"("credits":1e-05)")).events.at(0).credits == Credits::from_micros(10));
  CHECK(parse(with(R"("credits":"9000000000000.000001")")).events.at(0).credits ==
        Credits::from_micros(9'000'000'000'000'000'001));
  CHECK(parse(with(R"("credits":9000000000000.000001)")).events.at(0).credits ==
        Credits::from_micros(9'000'000'000'000'000'001));
}

TEST_CASE("event parser: unknown fields and keys that are there twice are refused") {
  CHECK(code_of(with(R"("colour":1)")) == "unknown_field");
  CHECK(code_of(with(R"("colour":{"id":[{}]})")) == "unknown_field");
  CHECK(code_of(with(R"("id":"1")")) == "duplicate_key");
  CHECK(code_of(with(R"("options":{"a":1,"a":2})")) == "duplicate_key");
  CHECK(code_of(with(R"("details":{"a":1,"b":2,"a":2})")) == "duplicate_key");
  CHECK(code_of(with(R"("details":{"a":1},"details":{"a":1})")) == "duplicate_key");
}

TEST_CASE("event parser: in an array bad events are refused by index and the others count") {
  const ParsedEvents parsed =
      parse(R"([{"id":"0","account":"a","endpoint":"e"},7,{"id":1,"x":[[{}]],"id":2},[{"id":"n"}],null,
                                        {"id":"5","account":"a","endpoint":"e","details":{"k":"v"}},{"zzz":{"a":{}}}])");
  CHECK_FALSE(parsed.single);
  REQUIRE(parsed.events.size() == 2);
  CHECK(parsed.indexes == std::vector<std::uint32_t>{0, 5});
  CHECK(parsed.events[1].id == "5");
  REQUIRE(parsed.errors.size() == 5);
  const std::vector<std::pair<std::uint32_t, std::string>> expected{
      {1, "invalid_event"}, {2, "invalid_id"}, {3, "invalid_event"}, {4, "invalid_event"}, {6, "unknown_field"}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(parsed.errors[i].index == expected[i].first);
    CHECK(parsed.errors[i].code == expected[i].second);
    CHECK_FALSE(parsed.errors[i].message.empty());
  }
  CHECK(parse("[]").events.empty());
  CHECK_FALSE(parse("[]").single);
}

TEST_CASE("event parser: an unreadable body counts nothing") {
  for (const std::string_view body : {"", "[", R"([{"id":"1","account":"a","endpoint":"e"},{])",
                                      R"({"id":"1"} {"id":"2"})", "{\"id\":\"\xff\"}", "{\"id\":\"\\udc\"}"})
    CHECK_MESSAGE(refusal(std::string(body)) == "malformed_json", body);
  CHECK(refusal(std::string("[]\0[]", 5)) == "malformed_json");
  CHECK(refusal("{\"x\":" + std::string(100'000, '[')) == "malformed_json");
  CHECK(refusal("{\"x\":" + std::string(31, '[') + std::string(31, ']') + "}") == "accepted");
  CHECK(refusal("{\"x\":" + std::string(32, '[') + std::string(32, ']') + "}") == "malformed_json");
}

TEST_CASE("event parser: text cut inside a UTF-8 sequence is refused, and the next line untouched") {
  for (const std::string_view tail : {"\xf0", "\xf0\x9f", "\xe2\x82", "\xc3"}) {
    CHECK(refusal("{\"id\":\"" + std::string(tail)) == "malformed_json");
    const ParsedEvents parsed = parse(
        "{\"id\":\"" + std::string(tail) + "\n" + R"({"id":"1","account":"a","endpoint":"e"})", EventFormat::ndjson);
    CHECK(parsed.errors.at(0).code == "malformed_json");
    CHECK(parsed.events.at(0).id == "1");
  }
  CHECK(parse(with("\"key\":\"\xc3\xa9\xf0\x9f\x98\x80\"")).events.at(0).key == "\xc3\xa9\xf0\x9f\x98\x80");
}

TEST_CASE("event parser: a lone surrogate is no text") {
  CHECK(code_of(with(R"("key":"\udc00")")) == "invalid_event");
  CHECK(code_of(with(R"("details":{"\udc00":1})")) == "invalid_event");
}

TEST_CASE("event parser: lines are refused one by one, by line") {
  std::string body = R"({"id":"0","account":"a","endpoint":"e"})"
                     "\r\n\n"
                     R"({"id":"2","account":"a")"
                     "\n"
                     R"({"id":"3","account":"a","endpoint":"e"} x)"
                     "\n[1]\n   \n5 6\n";
  body += std::string("{\"id\":\"\0\"}\n", 11);
  body += R"({"id":"8","account":"a","endpoint":"e"})";
  const ParsedEvents parsed = parse(body, EventFormat::ndjson);
  CHECK(parsed.indexes == std::vector<std::uint32_t>{0, 8});
  std::vector<std::pair<std::uint32_t, std::string>> errors;
  for (const EventError& error : parsed.errors) errors.emplace_back(error.index, error.code);
  const std::vector<std::pair<std::uint32_t, std::string>> expected{
      {2, "malformed_json"}, {3, "malformed_json"}, {4, "invalid_event"}, {6, "malformed_json"}, {7, "malformed_json"}};
  CHECK(errors == expected);
  CHECK(parse("", EventFormat::ndjson).events.empty());
}

TEST_CASE("event parser: a CloudEvent names account by subject and endpoint by type") {
  const std::string event =
      R"({"specversion":"1.0","id":"c1","source":"/gw","subject":"acme","type":"search","time":"2026-02-03T04:05:06Z",
          "datacontenttype":"application/json","traceparent":"00-x","data":{"ok":true,"results":4,"credits":"2","key":"k"}})";
  const ParsedEvents parsed = parse(event, EventFormat::cloud_event);
  REQUIRE(parsed.events.size() == 1);
  CHECK(parsed.single);
  CHECK(parsed.events[0].account.str() == "acme");
  CHECK(parsed.events[0].endpoint == "search");
  CHECK(parsed.events[0].results == 4);
  CHECK(parsed.events[0].key == "k");
  const ParsedEvents batch = parse("[" + event + ",{}]", EventFormat::cloud_event_batch);
  CHECK(batch.indexes == std::vector<std::uint32_t>{0});
  CHECK(batch.errors.at(0).code == "invalid_specversion");
  CHECK(refusal(event, EventFormat::cloud_event_batch) == "malformed_json");
}

TEST_CASE("event parser: a CloudEvent that breaks its own rules is refused") {
  const auto code = [](std::string_view attributes) {
    return code_of(R"({"id":"1","subject":"a","type":"t",)" + std::string(attributes) + "}", EventFormat::cloud_event);
  };
  CHECK(code(R"("specversion":"1.0","source":"s")") == "accepted");
  CHECK(code(R"("specversion":"0.3","source":"s")") == "invalid_specversion");
  CHECK(code(R"("source":"s")") == "invalid_specversion");
  CHECK(code(R"("specversion":"1.0")") == "missing_source");
  CHECK(code(R"("specversion":"1.0","source":"")") == "missing_source");
  CHECK(code(R"("specversion":"1.0","source":"s","results":3)") == "unknown_field");
  CHECK(code(R"("specversion":"1.0","source":"s","data_base64":"eA==")") == "unknown_field");
  CHECK(code(R"("specversion":"1.0","source":"s","data":{"id":"x"})") == "unknown_field");
  CHECK(code(R"("specversion":"1.0","source":"s","data":"text")") == "invalid_data");
  CHECK(code(R"("specversion":"1.0","source":"s","datacontenttype":"text/xml")") == "invalid_datacontenttype");
  CHECK(code(R"("specversion":"1.0","source":"s","ext":"1","ext":"2")") == "duplicate_key");
  CHECK(code(R"("specversion":"1.0","source":"s","ext":{"a":1})") == "invalid_event");
}

TEST_CASE("event parser: the media type names the format") {
  CHECK(event_format("application/json") == EventFormat::json);
  CHECK(event_format("Application/JSON; charset=UTF-8") == EventFormat::json);
  CHECK(event_format("application/x-ndjson") == EventFormat::ndjson);
  CHECK(event_format("application/cloudevents+json;charset=\"utf-8\"") == EventFormat::cloud_event);
  CHECK(event_format("application/cloudevents-batch+json") == EventFormat::cloud_event_batch);
  for (const std::string_view type :
       {"", "text/json", "application/json; charset=latin1", "application/jsonx", "application/xml"})
    CHECK_MESSAGE(!event_format(type), type);
}

TEST_CASE("event parser: more events than a body may hold are refused, whole") {
  std::string lines;
  for (std::size_t i = 0; i <= events_per_body_max; ++i) lines += "{}\n";
  CHECK(refusal(lines, EventFormat::ndjson) == "too_many_events");
  std::string list = "[{}";
  for (std::size_t i = 0; i < events_per_body_max; ++i) list += ",{}";
  CHECK(refusal(list + "]") == "too_many_events");
}

}  // namespace tally::http::event_parser_test

#include "tools/tallyd/log.h"

#include <doctest/doctest.h>

#include "http/json.h"

namespace log_test {

using namespace tally;
using tools::log_line;

namespace {

const UtcTime noon = UtcTime::parse("2026-05-10T12:30:00.250Z").value();

}  // namespace

TEST_CASE("log: as JSON a line is one object with time, level, event and the fields, whatever they hold") {
  const std::string line =
      log_line(LogFormat::json, noon, "info", "http.request", {{"request_id", "a\n\"b\""}, {"status", 200}});
  CHECK(line.find('\n') == line.size() - 1);
  const auto read = http::parse_json(line);
  REQUIRE(read);
  CHECK(read->find("time")->text == noon.to_string());
  CHECK(read->find("level")->text == "info");
  CHECK(read->find("event")->text == "http.request");
  CHECK(read->find("request_id")->text == "a\n\"b\"");
  CHECK(read->find("status")->text == "200");
}

TEST_CASE("log: as text a line is one line too, and only what is unusual is quoted") {
  const std::string line = log_line(LogFormat::text, noon, "error", "x.y",
                                    {{"plain", "a/b-1"}, {"empty", ""}, {"blank", "a b"}, {"line", "a\nb"}, {"n", -3}});
  CHECK(line == noon.to_string() + R"( error x.y plain=a/b-1 empty="" blank="a b" line="a\nb" n=-3)" + "\n");
}

}  // namespace log_test

#include <doctest/doctest.h>

#include "tests/http/report_house.h"

namespace tally::http::usage_test {

namespace {

struct House : ReportHouse {
  House() {
    clock.set(UtcTime::parse("2026-05-10T12:00:00Z").value());
    REQUIRE(
        as_operator("POST", "/prices",
                    R"({"prices":[{"endpoint":"search","credits":"2","category":"find"}],"effective_at":"2026-05-01"})")
            .status == 200);
    open_account("acme", "100");
    event(R"([{"id":"1","account":"acme","endpoint":"search","results":3},
              {"id":"2","account":"acme","endpoint":"search","time":"2026-05-09T10:00:00Z"}])");
  }
  Response usage(const std::string& query) { return ask_as("acme", "GET", "/v1/usage" + query); }
};

}  // namespace

TEST_CASE("usage: the answer is the JSON of a report over the same range") {
  House house;
  const std::string report =
      house
          .report("acme", R"({"type":"usage","from":"2026-05-01","to":"2026-06-01","granularity":"month",)"
                          R"("group_by":["endpoint","category"]})")
          .body;
  const Response usage = house.usage("?from=2026-05-01&to=2026-06-01&granularity=month&group_by=endpoint,category");
  CHECK(usage.status == 200);
  CHECK(at(usage, "rows.0.endpoint") == "search");
  CHECK(at(usage, "totals.credits") == "8");
  CHECK(report.find("\"result\":" + usage.body + "}") != std::string::npos);
}

TEST_CASE("usage: days are the granularity where none is given, and rows have one figure a period") {
  House house;
  const Response usage = house.usage("?from=2026-05-09&to=2026-05-11");
  CHECK(at(usage, "granularity") == "day");
  CHECK(at(usage, "rows.0.period") == "2026-05-09T00:00:00Z");
  CHECK(at(usage, "rows.0.credits") == "2");
  CHECK(at(usage, "rows.1.credits") == "6");
}

TEST_CASE("usage: what cannot be answered is refused by its code") {
  House house;
  const std::string may = "?from=2026-05-01&to=2026-06-01&granularity=month";
  const auto refused = [&](const std::string& query, const std::string& code) {
    CAPTURE(query);
    const Response answer = house.usage(query);
    CHECK(answer.status == 422);
    CHECK(at(answer, "code") == code);
  };
  refused("?to=2026-06-01", "missing_from");
  refused("?from=2026-05-01", "missing_to");
  refused("?from=yesterday&to=2026-06-01", "invalid_from");
  refused("?from=2026-05-01&to=2026-13-01", "invalid_to");
  refused("?from=2026-05-02&to=2026-05-02", "invalid_range");
  refused("?from=2026-05-01T00:30:00Z&to=2026-05-02", "misaligned_range");
  refused("?from=2026-05-01&to=2026-07-01", "future_range");
  refused("?from=2026-05-01&to=2026-06-01&granularity=week", "invalid_granularity");
  refused(may + "&group_by=account", "invalid_group_by");
  refused(may + "&group_by=key,key", "invalid_group_by");
  refused(may + "&group_by=", "invalid_group_by");
  refused(may + "&limit=5", "unknown_parameter");
}

TEST_CASE("usage: more than can be answered at once is left to report jobs") {
  House house;
  std::string events = "[";
  for (int i = 0; i < 3000; ++i) {
    const std::string number = std::to_string(i);
    events += (i ? "," : "") + (R"({"id":"many-)" + number + R"(","account":"acme","endpoint":"a/rather/long/name/)") +
              number + "\"}";
  }
  house.event(events + "]");
  const Response answer = house.usage("?from=2026-05-01&to=2026-06-01&granularity=month&group_by=endpoint");
  CHECK(answer.status == 422);
  CHECK(at(answer, "code") == "result_too_large");
}

TEST_CASE("usage: nobody without a credential") {
  House house;
  CHECK(house.ask("GET", "/v1/usage?from=2026-05-01&to=2026-06-01").status == 401);
}

}  // namespace tally::http::usage_test

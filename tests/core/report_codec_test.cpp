#include <doctest/doctest.h>

#include "core/codec.h"
#include "core/manual.h"
#include "core/report.h"
#include "tests/core/garbage.h"

namespace report_codec_test {

using namespace tally;

namespace {

UtcTime at(std::string_view text) {
  return UtcTime::parse(text).value();
}

ReportRequest some_request() {
  return {ReportType::usage,
          {at("2026-01-01"), at("2026-02-01")},
          Granularity::day,
          {GroupBy::category, GroupBy::endpoint}};
}

Report some_report() {
  Report report;
  report.request = some_request();
  report.as_of = 1ull << 40;
  report.names = {{"search", "people/search"}, {"search", ""}};
  for (int i = 0; i < 6; ++i) {
    ReportRow row;
    row.period = at("2026-01-03") + i / 2 * day_ms;
    row.names = i % 2 == 0 ? 0 : 1;
    row.counters = {i + 1, i, 1, 1000 * i, i == 5 ? -7 : 123'456'789};
    report.totals += row.counters;
    report.rows.push_back(row);
  }
  return report;
}

bool equal(const Report& a, const Report& b) {
  if (encode(a.request) != encode(b.request) || a.as_of != b.as_of || a.totals != b.totals) return false;
  return std::equal(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(),
                    [&](const ReportRow& x, const ReportRow& y) {
                      return x.period == y.period && a.names_of(x) == b.names_of(y) && x.counters == y.counters;
                    });
}

}  // namespace

TEST_CASE("report codec: a stored request is read back whole") {
  for (const auto granularity :
       {Granularity::hour, Granularity::day, Granularity::month, Granularity::year, Granularity::total}) {
    ReportRequest request = some_request();
    request.granularity = granularity;
    const auto decoded = decode_report_request(encode(request));
    REQUIRE(decoded);
    CHECK(decoded->type == ReportType::usage);
    CHECK(decoded->range == request.range);
    CHECK(decoded->granularity == granularity);
    CHECK(decoded->group_by == request.group_by);
  }
}

TEST_CASE("report codec: a stored report is read back whole") {
  CHECK(equal(decode_report(encode(some_report())).value(), some_report()));
  Report empty;
  CHECK(equal(decode_report(encode(empty)).value(), empty));
}

TEST_CASE("report codec: a repeated name costs a byte") {
  Report report;
  report.request = some_request();
  for (int i = 0; i < 50; ++i) report.names.push_back({"search", "an/endpoint/" + std::to_string(i)});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    report.rows.push_back({at("2026-01-01") + i / 50 * day_ms, i % 50, {1, 1, 0, 1, 1}});
  }
  CHECK(encode(report).size() < 12 * 1000);
  CHECK(equal(decode_report(encode(report)).value(), report));
}

TEST_CASE("report codec: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(21);
  CHECK(refuses_prefixes_and_survives_noise(encode(some_report()), random, [](const std::string& bytes) {
    const auto report = decode_report(bytes);
    if (!report) CHECK(report.error().code == Errc::corrupt);
    return report.has_value();
  }));
  CHECK(refuses_prefixes_and_survives_noise(encode(some_request()), random, [](const std::string& bytes) {
    const auto request = decode_report_request(bytes);
    if (!request) CHECK(request.error().code == Errc::corrupt);
    return request.has_value();
  }));
}

TEST_CASE("report codec: a count of rows or names that cannot follow is refused before memory is taken") {
  const std::string request = encode(some_request());
  for (const bool claim_names : {true, false}) {
    std::string bytes;
    Encoder out(bytes);
    out.u8(1);
    out.text(request);
    out.u64(0);
    for (int i = 0; i < 5; ++i) out.i64(0);
    if (!claim_names) out.u64(0);
    out.u64(1ull << 60);
    CHECK(decode_report(bytes).error().code == Errc::corrupt);
  }
}

TEST_CASE("report codec: a grouping that names something twice is corrupt") {
  ReportRequest request = some_request();
  request.group_by = {GroupBy::key, GroupBy::key};
  CHECK(decode_report_request(encode(request)).error().code == Errc::corrupt);
}

}  // namespace report_codec_test

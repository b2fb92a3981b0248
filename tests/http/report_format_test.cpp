#include "http/report_format.h"

#include <doctest/doctest.h>

#include "http/csv_text.h"
#include "http/gzip.h"
#include "http/json.h"
#include "http/xml_text.h"

namespace tally::http::report_format_test {

namespace {

std::string csv(std::string_view text) {
  std::string out;
  append_csv_text(out, text);
  return out;
}

std::string xml(std::string_view text) {
  std::string out;
  append_xml_text(out, text);
  return out;
}

TableShape shape() {
  TableShape shape;
  shape.columns = {{"name"}, {"tag", ShownIn::objects}, {"tag_id", ShownIn::columns}, {"amount"}, {"at"}};
  shape.items_name = "by_endpoint";
  shape.item_columns = {{"endpoint"}, {"count"}};
  return shape;
}

// Two rows, the first with two items.
std::string document(ReportFormat format) {
  const auto encoder = make_encoder(format, shape());
  std::string rows(encoder->before_rows());
  TableRow row;
  row.cells = {Cell::of("=1+1"), Cell::json(R"({"id":"x"})"), Cell::of("x"), Cell::of(Credits::from_micros(-2'500'000)),
               Cell::of(UtcTime::from_ms(0))};
  row.items = {Cell::of("a,b"), Cell::of(std::int64_t{-1}), Cell::of("<c>"), Cell::of(std::int64_t{2})};
  encoder->row(rows, row, true);
  row.clear();
  row.cells = {Cell::of("two"), Cell::nothing(), Cell::nothing(), Cell::of(Credits()), Cell::of(UtcTime::from_ms(1))};
  encoder->row(rows, row, false);
  rows += encoder->after_rows();
  return encoder->head({{"type", Cell::of("usage")}}) + rows + encoder->tail({{"count", Cell::of(std::int64_t{2})}});
}

}  // namespace

TEST_CASE("csv: a field is quoted where RFC 4180 wants it and nowhere else") {
  CHECK(csv("plain text") == "plain text");
  CHECK(csv("").empty());
  CHECK(csv("a,b") == "\"a,b\"");
  CHECK(csv("say \"hi\"") == "\"say \"\"hi\"\"\"");
  CHECK(csv("two\r\nlines") == "\"two\r\nlines\"");
}

TEST_CASE("csv: no text is taken for a formula") {
  for (const char* text : {"=1+1", "+1", "-1", "@SUM(A1)", "\tx"}) CHECK(csv(text) == "'" + std::string(text));
  CHECK(csv("\rx") == "\"'\rx\"");
  CHECK(csv("=A1,B1") == "\"'=A1,B1\"");
  CHECK(csv("1-1") == "1-1");
}

TEST_CASE("xml: text is escaped, and what is no character is replaced") {
  CHECK(xml("a<b>&\"c\"") == "a&lt;b&gt;&amp;\"c\"");
  CHECK(xml("\r\n\t") == "&#13;\n\t");
  CHECK(xml(std::string_view("\0\x1b", 2)) == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(xml("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("report formats: one table, spelled four ways") {
  CHECK(document(ReportFormat::json) ==
        R"({"type":"usage","rows":[{"name":"=1+1","tag":{"id":"x"},"amount":"-2.5","at":"1970-01-01T00:00:00Z",)"
        R"("by_endpoint":[{"endpoint":"a,b","count":-1},{"endpoint":"<c>","count":2}]},)"
        R"({"name":"two","amount":"0","at":"1970-01-01T00:00:00.001Z","by_endpoint":[]}],"totals":{"count":2}})");
  CHECK(parse_json(document(ReportFormat::json)));
  CHECK(document(ReportFormat::ndjson) ==
        R"({"name":"=1+1","tag":{"id":"x"},"amount":"-2.5","at":"1970-01-01T00:00:00Z",)"
        R"("by_endpoint":[{"endpoint":"a,b","count":-1},{"endpoint":"<c>","count":2}]})"
        "\n"
        R"({"name":"two","amount":"0","at":"1970-01-01T00:00:00.001Z","by_endpoint":[]})"
        "\n");
  CHECK(document(ReportFormat::csv) ==
        "name,tag_id,amount,at,endpoint,count\r\n"
        "'=1+1,x,-2.5,1970-01-01T00:00:00Z,\"a,b\",-1\r\n"
        "'=1+1,x,-2.5,1970-01-01T00:00:00Z,<c>,2\r\n"
        "two,,0,1970-01-01T00:00:00.001Z,,\r\n");
  CHECK(document(ReportFormat::xml) ==
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><report><type>usage</type><rows>"
        "<row><name>=1+1</name><tag_id>x</tag_id><amount>-2.5</amount><at>1970-01-01T00:00:00Z</at><by_endpoint>"
        "<item><endpoint>a,b</endpoint><count>-1</count></item><item><endpoint>&lt;c&gt;</endpoint><count>2</count></"
        "item>"
        "</by_endpoint></row><row><name>two</name><amount>0</amount><at>1970-01-01T00:00:00.001Z</at><by_endpoint>"
        "</by_endpoint></row></rows><totals><count>2</count></totals></report>");
}

TEST_CASE("gzip: asked for by name or by *, and not with weight 0") {
  CHECK(accepts_gzip("gzip"));
  CHECK(accepts_gzip("br;q=1.0, GZIP;q=0.8"));
  CHECK(accepts_gzip("*"));
  CHECK(accepts_gzip("deflate, *;q=0.1"));
  CHECK_FALSE(accepts_gzip(""));
  CHECK_FALSE(accepts_gzip("identity"));
  CHECK_FALSE(accepts_gzip("gzip;q=0"));
  CHECK_FALSE(accepts_gzip("gzip; q=0.000, *"));
  CHECK_FALSE(accepts_gzip("*;q=0"));
}

}  // namespace tally::http::report_format_test

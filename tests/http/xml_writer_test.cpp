#include "http/xml_writer.h"

#include <doctest/doctest.h>

namespace tally::http::xml_writer_test {

namespace {
const std::string head = R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?>)";
}

TEST_CASE("xml: elements come in the order they are given, nested as they are") {
  XmlWriter out("root");
  out.element("a", "1").begin("b").element("c", 2).end().element("d", "");
  CHECK(std::move(out).finish() == head + "<root><a>1</a><b><c>2</c></b><d></d></root>");
}

TEST_CASE("xml: text is escaped, and what XML cannot say is replaced") {
  const auto written = [](std::string_view text) {
    XmlWriter out("r");
    out.element("t", text);
    const std::string document = std::move(out).finish();
    return document.substr(head.size() + 6, document.size() - head.size() - 14);
  };
  CHECK(written("<a> & \"b\" 'c' ]]>") == "&lt;a&gt; &amp; \"b\" 'c' ]]&gt;");
  CHECK(written("caf\xc3\xa9 \xf0\x9f\x98\x80\t\n") == "caf\xc3\xa9 \xf0\x9f\x98\x80\t\n");
  CHECK(written(std::string_view("a\0b\x01\x1f", 5)) ==
        "a\xef\xbf\xbd"
        "b\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(written("\xff\xc0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(written("\xef\xbf\xbe\xef\xbf\xbf") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(written("  ") == "  ");
}

}  // namespace tally::http::xml_writer_test

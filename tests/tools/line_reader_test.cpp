#include "tools/tally/line_reader.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

namespace line_reader_test {

using namespace tally::tools;

namespace {

// Gives out `text` in pieces of `piece` bytes.
ByteSource source_of(std::string text, std::size_t piece) {
  return [text = std::move(text), piece, at = std::size_t{0}](char* buffer, std::size_t size) mutable -> std::int64_t {
    const std::size_t count = std::min({piece, size, text.size() - at});
    std::memcpy(buffer, text.data() + at, count);
    at += count;
    return static_cast<std::int64_t>(count);
  };
}

std::vector<std::string> lines_of(const std::string& text, std::size_t piece) {
  LineReader reader(source_of(text, piece));
  std::vector<std::string> lines;
  while (const auto line = reader.next()) lines.emplace_back(line->text);
  CHECK(reader.bytes_read() == text.size());
  return lines;
}

}  // namespace

TEST_CASE("line reader: lines come whole, however the bytes arrive") {
  const std::vector<std::string> expected = {"one", "", "two\r", "three"};
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) CHECK(lines_of("one\n\ntwo\r\nthree", piece) == expected);
  CHECK(lines_of("end\n", 100) == std::vector<std::string>{"end"});
  CHECK(lines_of("", 100).empty());
}

TEST_CASE("line reader: a line past the bound is told and cut, and the next one is right") {
  for (const std::size_t piece : {1'000U, 100'000U, 10'000'000U}) {
    for (const std::size_t size : {line_bytes_max, line_bytes_max + 1, 3 * line_bytes_max}) {
      LineReader reader(source_of(std::string(size, 'x') + "\nnext\n" + std::string(size, 'y'), piece));
      auto line = reader.next();
      REQUIRE(line.has_value());
      CHECK(line->too_long == (size > line_bytes_max));
      CHECK(line->text.size() == line_bytes_max);
      CHECK(line->text.front() == 'x');
      line = reader.next();
      REQUIRE(line.has_value());
      CHECK(line->text == "next");
      CHECK(line->number == 2);
      line = reader.next();
      REQUIRE(line.has_value());
      CHECK(line->too_long == (size > line_bytes_max));
      CHECK_FALSE(reader.next().has_value());
    }
  }
}

TEST_CASE("line reader: a read error ends the lines and is told") {
  int calls = 0;
  LineReader reader([&calls](char* buffer, std::size_t) -> std::int64_t {
    if (calls++ > 0) return -1;
    std::memcpy(buffer, "a\nb", 3);
    return 3;
  });
  CHECK(reader.next()->text == "a");
  CHECK(reader.next()->text == "b");
  CHECK_FALSE(reader.next().has_value());
  CHECK(reader.failed());
}

}  // namespace line_reader_test

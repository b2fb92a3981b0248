#include "http/chunked.h"

#include <doctest/doctest.h>

namespace tally::http::chunked_test {
namespace {

using State = ChunkDecoder::State;

struct Decoded {
  State state = State::more;
  std::string body;
  std::string rest;
};

// Feeds the text in pieces of `piece` bytes.
Decoded decode(std::string_view text, std::size_t piece, std::size_t body_bytes_max = 1000) {
  ChunkDecoder decoder(body_bytes_max);
  Decoded out;
  while (!text.empty() && out.state == State::more) {
    std::string_view input = text.substr(0, piece);
    const std::size_t offered = input.size();
    out.state = decoder.feed(input, out.body);
    text.remove_prefix(offered - input.size());
  }
  out.rest = text;
  return out;
}

}  // namespace

TEST_CASE("chunked: a body decodes the same however it was cut, and leaves the next request alone") {
  const std::string text = "5;ext=\"x\"\r\nhello\r\n0006\r\n world\r\n0\r\nAuthorization: evil\r\nX: y\r\n\r\nGET /";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const Decoded out = decode(text, piece);
    CHECK(out.state == State::done);
    CHECK(out.body == "hello world");
    CHECK(out.rest == "GET /");
  }
  CHECK(decode("0\r\n\r\n", 1).state == State::done);
}

TEST_CASE("chunked: what is no chunk is malformed") {
  for (const std::string_view text :
       {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "1 \r\n", "0x1\r\n", "1\n", "1\rx", "1\r\nab", "1\r\na\n",
        "1\r\na\rx", "1;a\nb\r\n", "0\r\nX: y\n", "0\r\n\n", "0\r\n\rx", "ffffffffffffffff\r\n", "0\r\nX: \x01\r\n"})
    for (const std::size_t piece : {1u, 100u}) CHECK_MESSAGE(decode(text, piece).state == State::malformed, text);
}

TEST_CASE("chunked: the body is bounded before it is kept, extensions and trailers too") {
  CHECK(decode("a\r\n0123456789\r\n0\r\n\r\n", 7, 10).state == State::done);
  const Decoded over = decode("5\r\n01234\r\n6\r\n012345\r\n0\r\n\r\n", 7, 10);
  CHECK(over.state == State::too_large);
  CHECK(over.body.size() == 5);
  CHECK(decode("fffffff\r\n", 100, 10).state == State::too_large);
  CHECK(decode("1;" + std::string(9000, 'x') + "\r\na\r\n", 100).state == State::malformed);
  CHECK(decode("0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", 100).state == State::malformed);
}

TEST_CASE("chunked: what is written as a chunk is read back") {
  for (const std::size_t size : {1u, 15u, 16u, 4096u}) {
    const std::string bytes(size, 'x');
    const Decoded out = decode(chunk_of(bytes) + chunk_of("y") + std::string(last_chunk), 7, 10'000);
    CHECK(out.state == State::done);
    CHECK(out.body == bytes + "y");
  }
}

}  // namespace tally::http::chunked_test

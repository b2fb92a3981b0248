#include "core/codec.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "core/manual.h"

namespace codec_test {

using namespace tally;

namespace {

std::string bytes_of_u64(std::uint64_t v) {
  std::string bytes;
  Encoder(bytes).u64(v);
  return bytes;
}

}  // namespace

TEST_CASE("codec: what is written is read back, in order") {
  std::string bytes;
  Encoder out(bytes);
  out.u8(7);
  out.boolean(true);
  out.boolean(false);
  out.u64(300);
  out.i64(-300);
  out.text("hello");
  out.text("");
  out.raw("xyz");

  Decoder in(bytes);
  CHECK(in.u8() == 7);
  CHECK(in.boolean());
  CHECK_FALSE(in.boolean());
  CHECK(in.u64() == 300);
  CHECK(in.i64() == -300);
  CHECK(in.text() == "hello");
  CHECK(in.text().empty());
  CHECK_FALSE(in.done());
  CHECK(in.rest() == "xyz");
  CHECK(in.raw(3) == "xyz");
  CHECK(in.done());
}

TEST_CASE("codec: every bit length of both kinds of number survives") {
  std::vector<std::uint64_t> values = {0, std::numeric_limits<std::uint64_t>::max()};
  for (int bit = 0; bit < 64; ++bit) {
    values.push_back(1ull << bit);
    values.push_back((1ull << bit) - 1);
  }
  for (const std::uint64_t v : values) {
    std::string bytes;
    Encoder out(bytes);
    out.u64(v);
    out.i64(static_cast<std::int64_t>(v));
    out.i64(static_cast<std::int64_t>(0 - v));
    Decoder in(bytes);
    CHECK(in.u64() == v);
    CHECK(in.i64() == static_cast<std::int64_t>(v));
    CHECK(in.i64() == static_cast<std::int64_t>(0 - v));
    CHECK(in.done());
  }
}

TEST_CASE("codec: small numbers take one byte, negative ones too") {
  CHECK(bytes_of_u64(127).size() == 1);
  CHECK(bytes_of_u64(128).size() == 2);
  CHECK(bytes_of_u64(std::numeric_limits<std::uint64_t>::max()).size() == 10);
  std::string bytes;
  Encoder(bytes).i64(-64);
  CHECK(bytes.size() == 1);
}

TEST_CASE("codec: a number is refused when it is cut, longer than 64 bits, or spelled longer than needed") {
  using namespace std::string_view_literals;
  for (const std::string_view bytes :
       {""sv, "\x80"sv, "\xff\xff\xff"sv, "\x80\x00"sv, "\xff\x80\x00"sv, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"sv,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"sv, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv}) {
    Decoder in(bytes);
    CHECK(in.u64() == 0);
    CHECK_FALSE(in.ok());
  }
}

TEST_CASE("codec: a text that claims more bytes than follow is refused, whatever it claims") {
  for (const std::uint64_t size :
       {std::uint64_t{4}, std::uint64_t{1} << 40, std::numeric_limits<std::uint64_t>::max()}) {
    std::string bytes = bytes_of_u64(size) + "abc";
    Decoder in(bytes);
    CHECK(in.text().empty());
    CHECK_FALSE(in.ok());
  }
  Decoder in("abc");
  CHECK(in.raw(4).empty());
  CHECK_FALSE(in.ok());
}

TEST_CASE("codec: after the first failure every read gives nothing") {
  Decoder in("\x05good");
  CHECK(in.text().empty());
  CHECK(in.u8() == 0);
  CHECK(in.u64() == 0);
  CHECK(in.i64() == 0);
  CHECK_FALSE(in.boolean());
  CHECK(in.raw(0).empty());
  CHECK(in.rest().empty());
  CHECK_FALSE(in.ok());
  CHECK_FALSE(in.done());
}

TEST_CASE("codec: a rejected value counts as a failed read") {
  Decoder in("\x01\x02");
  CHECK(in.u8() == 1);
  in.reject();
  CHECK(in.u8() == 0);
  CHECK_FALSE(in.done());
}

TEST_CASE("codec: reading noise in any order stays inside the bytes") {
  SeededRandom random(11);
  for (int round = 0; round < 5000; ++round) {
    std::string noise(random.below(40), '\0');
    for (char& c : noise) c = static_cast<char>(random.below(256));
    Decoder in(noise);
    while (in.ok() && !in.done()) {
      switch (random.below(4)) {
        case 0:
          in.u8();
          break;
        case 1:
          in.u64();
          break;
        case 2:
          in.text();
          break;
        default:
          in.raw(random.below(8));
      }
    }
    CHECK(in.rest().empty());
  }
}

TEST_CASE("codec: big-endian numbers sort as bytes do") {
  std::string last;
  for (const std::uint64_t v : {0ull, 1ull, 255ull, 256ull, 65'536ull, 1ull << 31, 1ull << 32, 1ull << 63, ~0ull}) {
    std::string bytes;
    append_be64(bytes, v);
    CHECK(bytes.size() == 8);
    CHECK(read_be64(bytes) == v);
    CHECK(last < bytes);
    last = bytes;
  }
  std::string bytes;
  append_be32(bytes, 0x01020304);
  CHECK(bytes == "\x01\x02\x03\x04");
  CHECK(read_be32(bytes + "rest") == 0x01020304);
}

}  // namespace codec_test

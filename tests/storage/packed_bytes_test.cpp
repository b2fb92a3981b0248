#include "storage/packed_bytes.h"

#include <doctest/doctest.h>

#include "core/manual.h"

namespace packed_bytes_test {

using namespace tally;
using namespace tally::storage;

namespace {

std::string lines(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "acme,2026-11-22,people/search," + std::to_string(i) + ",1,1\r\n";
  return text;
}

std::string noise(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

}  // namespace

TEST_CASE("packed bytes: what is packed is read back, whatever it was") {
  SeededRandom random(1);
  for (const std::size_t size : {0, 1, 1023, 1024, 1025, 70'000, 1'000'000}) {
    const std::string same(size, 'x');
    CHECK(unpacked(packed(same)).value() == same);
    const std::string random_bytes = noise(random, size);
    CHECK(unpacked(packed(random_bytes)).value() == random_bytes);
  }
  CHECK(unpacked(packed(lines(3'000))).value() == lines(3'000));
}

TEST_CASE("packed bytes: a report's rows take a fraction of their room, and nothing takes more than before") {
  CHECK(packed(lines(3'000)).size() * 3 < lines(3'000).size());
  CHECK(packed("{}") == "{}");
  SeededRandom random(2);
  const std::string random_bytes = noise(random, 100'000);
  CHECK(packed(random_bytes) == random_bytes);
}

TEST_CASE(
    "packed bytes: bytes that look packed already are packed again, so they are not taken for what they are not") {
  for (const std::string& whole : {lines(3'000), std::string(), std::string("short")}) {
    const std::string once = packed("\xfelz4" + whole);
    CHECK(unpacked(once).value() == "\xfelz4" + whole);
    CHECK(unpacked(packed(once)).value() == once);
  }
}

TEST_CASE("packed bytes: what was stored before there was packing is read as it is") {
  CHECK(unpacked("").value() == "");
  CHECK(unpacked(lines(3'000)).value() == lines(3'000));
}

TEST_CASE("packed bytes: bytes that are cut or changed are corrupt or something else, never trouble") {
  const std::string good = packed(lines(200));
  for (std::size_t size = 5; size < good.size(); ++size)
    CHECK(unpacked(good.substr(0, size)).error().code == Errc::corrupt);
  CHECK(unpacked(good + "x").error().code == Errc::corrupt);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    const auto read = unpacked(changed);
    if (!read) CHECK(read.error().code == Errc::corrupt);
  }
  CHECK(unpacked("\xfelz4\xff\xff\xff\xffrest").error().code == Errc::corrupt);
}

}  // namespace packed_bytes_test

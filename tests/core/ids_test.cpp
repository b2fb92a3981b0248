#include "core/ids.h"

#include <doctest/doctest.h>

#include <unordered_set>

#include "core/manual.h"

namespace ids_test {

using namespace tally;

TEST_CASE("ids: an account id is 1 to 63 of a-z 0-9 _ - and begins with a letter or digit") {
  for (const std::string& text :
       {std::string("a"), std::string("0"), std::string("acme-corp_2"), std::string(63, 'z')}) {
    CAPTURE(text);
    CHECK(is_account_id(text));
    CHECK(parse_account_id(text).value().str() == text);
  }
  for (const std::string& text :
       {std::string(""), std::string("_a"), std::string("-a"), std::string("A"), std::string("a b"), std::string("a.b"),
        std::string("a\0", 2), std::string("\xc3\xa4"), std::string(64, 'a')}) {
    CAPTURE(text);
    CHECK_FALSE(is_account_id(text));
    CHECK(parse_account_id(text).error().code == Errc::invalid_argument);
  }
}

TEST_CASE("ids: a request id has the documented shape") {
  SeededRandom random(1);
  const UtcTime now = UtcTime::from_ms(1'717'000'000'999);
  const std::string text = make_request_id(random, now, 4271).str();
  CHECK(text.size() == 32 + 1 + 10 + 1 + 4);
  CHECK(text.substr(32) == "_1717000000_4271");
  CHECK(text.find_first_not_of("0123456789abcdef") == 32);
  CHECK(looks_like_request_id(text));
}

TEST_CASE("ids: a request id's sequence keeps four digits") {
  SeededRandom random(1);
  const auto sequence = [&](std::uint32_t n) {
    const std::string text = make_request_id(random, UtcTime::from_ms(1'717'000'000'000), n).str();
    CHECK(looks_like_request_id(text));
    return text.substr(text.size() - 5);
  };
  CHECK(sequence(0) == "_0000");
  CHECK(sequence(7) == "_0007");
  CHECK(sequence(9999) == "_9999");
  CHECK(sequence(10'000) == "_0000");
  CHECK(sequence(4'294'967'295) == "_7295");
}

TEST_CASE("ids: other shapes cannot name a job") {
  const std::string hex = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4";
  CHECK(looks_like_request_id(hex + "_1717000000_4271"));
  for (const std::string& text :
       {std::string(), hex, hex + "_1717000000", hex + "_1717000000_427", hex + "_1717000000_42711", hex + "__4271",
        hex + "_17170x0000_4271", hex + "_1717000000_42x1", hex + "-1717000000_4271", hex + "_1717000000-4271",
        hex + "_1234567890123_4271", hex.substr(1) + "_1717000000_4271", hex + "0_1717000000_4271",
        std::string("A1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4_1717000000_4271"), hex + "_1717000000_4271 ",
        std::string(1000, 'a')}) {
    CAPTURE(text);
    CHECK_FALSE(looks_like_request_id(text));
  }
}

TEST_CASE("ids: made ids carry their prefix and do not repeat") {
  SeededRandom random(2);
  const std::string id = make_id(random, "msg");
  CHECK(id.size() == 4 + 24);
  CHECK(id.starts_with("msg_"));
  std::unordered_set<KeyId> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(KeyId(make_id(random, "key")));
  CHECK(seen.size() == 1000);
}

}  // namespace ids_test

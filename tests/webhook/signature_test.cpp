#include "webhook/signature.h"

#include <doctest/doctest.h>

#include "core/manual.h"

namespace signature_test {

using namespace tally;
using namespace tally::webhook;

namespace {

// Bytes i * 7 mod 256 for i in 0..31, and 24 times 0xab; signatures made with Node's crypto.createHmac.
const std::string current_secret = "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
const std::string previous_secret = "whsec_q6urq6urq6urq6urq6urq6urq6urq6ur";
const std::string body = R"({"status":"completed","credits":"142.5"})";
const DeliveryId id("msg_0123456789abcdef01234567");
const UtcTime now = UtcTime::from_ms(1'770'000'000'000);
const std::string by_current = "v1,ZWGFbwRBAgNKWgFPdMa/eBZWT4sA/9wxu7G4EEk4cVg=";
const std::string by_previous = "v1,7vhON+QyXZ6yb/99IqbjtowzbpMHCU5gYfxIR2Ysl4o=";

}  // namespace

TEST_CASE("signature: the example of the Standard Webhooks documentation comes out") {
  const WebhookSecrets secrets{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", {}};
  const auto headers = sign(secrets, DeliveryId("msg_p5jXN8AQM9LWM0D4loKWxJek"), R"({"test": 2432232314})",
                            UtcTime::from_ms(1'614'265'330'000));
  REQUIRE(headers);
  CHECK(headers->id == "msg_p5jXN8AQM9LWM0D4loKWxJek");
  CHECK(headers->timestamp == "1614265330");
  CHECK(headers->signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("signature: another implementation makes the same one") {
  const auto headers = sign({current_secret, "", {}}, id, body, now);
  REQUIRE(headers);
  CHECK(headers->signature == by_current);
}

TEST_CASE("signature: the previous secret signs too until it ends, and not after") {
  const WebhookSecrets secrets{current_secret, previous_secret, now + 1};
  CHECK(sign(secrets, id, body, now).value().signature == by_current + " " + by_previous);
  CHECK(sign({current_secret, previous_secret, now}, id, body, now).value().signature == by_current);
}

TEST_CASE("signature: either secret verifies what both have signed") {
  const auto headers = sign({current_secret, previous_secret, now + 1}, id, body, now).value();
  CHECK(verify(current_secret, headers, body, now));
  CHECK(verify(previous_secret, headers, body, now));
}

TEST_CASE("signature: a changed body, id, timestamp or signature does not verify") {
  const auto good = sign({current_secret, "", {}}, id, body, now).value();
  const auto rule = [&](const SignatureHeaders& headers, std::string_view bytes) {
    const auto result = verify(current_secret, headers, bytes, now);
    return result ? std::string() : result.error().rule;
  };
  CHECK(rule(good, body) == "");
  CHECK(rule(good, body + " ") == "invalid_signature");
  CHECK(rule({good.id + "x", good.timestamp, good.signature}, body) == "invalid_signature");
  CHECK(rule({good.id, "1770000001", good.signature}, body) == "invalid_signature");
  CHECK(rule({good.id, good.timestamp, by_previous}, body) == "invalid_signature");
  CHECK(rule({good.id, good.timestamp, ""}, body) == "invalid_signature");
  CHECK(rule({good.id, good.timestamp, "v2" + good.signature.substr(2)}, body) == "invalid_signature");
  CHECK(rule({good.id, good.timestamp, "v1a,AAAA " + by_previous + " " + good.signature}, body) == "");
}

TEST_CASE("signature: a timestamp more than five minutes away does not verify") {
  const auto headers = sign({current_secret, "", {}}, id, body, now).value();
  CHECK(verify(current_secret, headers, body, now + 300 * second_ms));
  CHECK(verify(current_secret, headers, body, now - 300 * second_ms));
  CHECK(verify(current_secret, headers, body, now + 301 * second_ms).error().rule == "invalid_timestamp");
  CHECK(verify(current_secret, headers, body, now - 301 * second_ms).error().rule == "invalid_timestamp");
  for (const char* text : {"", "x", "-1770000000", "1770000000 ", "1770000000.0", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(verify(current_secret, {id.str(), text, by_current}, body, now).error().rule == "invalid_timestamp");
  }
}

TEST_CASE("signature: a made secret signs, and two are not alike") {
  SeededRandom random(1);
  const std::string secret = make_secret(random);
  CHECK(secret.size() == 6 + 44);
  CHECK(secret.starts_with("whsec_"));
  CHECK(secret != make_secret(random));
  const auto headers = sign({secret, "", {}}, id, body, now);
  REQUIRE(headers);
  CHECK(verify(secret, *headers, body, now));
}

TEST_CASE("signature: a secret of another shape is refused") {
  for (const char* secret :
       {"", "whsec_", "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=", "whsec_AAAA",
        "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk",
        "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tl=", "whsec_ AcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=",
        "whsec_AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK-2vcTL0tk=", "whsec_===="}) {
    CAPTURE(secret);
    const auto refused = sign({secret, "", {}}, id, body, now);
    REQUIRE(!refused);
    CHECK(refused.error().rule == "invalid_secret");
  }
}

}  // namespace signature_test

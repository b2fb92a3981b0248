#include "core/attempt_log.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace attempt_log_test {

using namespace tally;

AttemptOutcome outcome(int status, std::string body) {
  AttemptOutcome made;
  made.status = status;
  made.error = status == 200 ? "" : "the receiver answered";
  made.body = std::move(body);
  made.url = "https://example.com/hook";
  made.started_at = UtcTime::from_ms(1'700'000'000'500 + status);
  made.took_ms = 37;
  return made;
}

TEST_CASE("attempt log: attempts are read back in order, with the first KiB of the response") {
  std::string records = append_attempt("", outcome(500, std::string(3000, 'x')));
  records = append_attempt(records, outcome(200, std::string("a\0b", 3)));
  const auto attempts = decode_attempts(records);
  REQUIRE(attempts.has_value());
  REQUIRE(attempts->size() == 2);
  CHECK((*attempts)[0].status == 500);
  CHECK((*attempts)[0].error == "the receiver answered");
  CHECK((*attempts)[0].response == std::string(1024, 'x'));
  CHECK((*attempts)[0].took_ms == 37);
  CHECK((*attempts)[1].response == std::string("a\0b", 3));
  CHECK((*attempts)[1].started_at == UtcTime::from_ms(1'700'000'000'700));
  CHECK((*attempts)[1].url == "https://example.com/hook");
}

TEST_CASE("attempt log: the latest ten are kept") {
  std::string records;
  for (int n = 0; n < 25; ++n) records = append_attempt(records, outcome(300 + n, ""));
  const auto attempts = decode_attempts(records);
  REQUIRE(attempts->size() == attempts_kept_max);
  CHECK(attempts->front().status == 315);
  CHECK(attempts->back().status == 324);
}

TEST_CASE("attempt log: bytes that cannot be read are told, and the next attempt begins anew") {
  CHECK(decode_attempts("")->empty());
  CHECK(decode_attempts("\x07").error().code == Errc::corrupt);
  CHECK(decode_attempts(append_attempt("\x07", outcome(200, "")))->size() == 1);
  SeededRandom random(1);
  CHECK(refuses_prefixes_and_survives_noise(
      append_attempt("", outcome(500, "no")), random,
      [](const std::string& bytes) { return !bytes.empty() && decode_attempts(bytes).has_value(); }));
}

TEST_CASE("attempt log: earlier attempts and the latest are joined in order, the latest ten of them") {
  CHECK(join_attempts("", "").empty());
  std::string earlier;
  for (int n = 0; n < 10; ++n) earlier = join_attempts(earlier, append_attempt("", outcome(300 + n, "")));
  const auto attempts = decode_attempts(join_attempts(earlier, append_attempt("", outcome(200, "{}"))));
  REQUIRE(attempts->size() == attempts_kept_max);
  CHECK(attempts->front().status == 301);
  CHECK(attempts->back().response == "{}");
  CHECK(join_attempts("\x07", append_attempt("", outcome(200, ""))) == append_attempt("", outcome(200, "")));
  CHECK(join_attempts(earlier, "\x07") == earlier);
}

TEST_CASE("attempt log: the headers that were sent are shown, the signature and what never went out are not") {
  Delivery delivery;
  delivery.id = DeliveryId("msg_1");
  AttemptRecord attempt;
  CHECK(sent_headers(delivery, attempt).empty());
  attempt.url = "https://example.com/hook";
  attempt.started_at = UtcTime::from_ms(1'700'000'000'500);
  const std::vector<std::pair<std::string, std::string>> expected = {{"content-type", "application/json"},
                                                                     {"user-agent", "tally/0.1"},
                                                                     {"webhook-id", "msg_1"},
                                                                     {"webhook-timestamp", "1700000000"}};
  CHECK(sent_headers(delivery, attempt) == expected);
  delivery.webhook_id = payments_webhook_id;
  CHECK(sent_headers(delivery, attempt).back() == std::pair<std::string, std::string>("idempotency-key", "msg_1"));
}

}  // namespace attempt_log_test

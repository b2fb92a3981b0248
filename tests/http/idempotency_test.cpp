#include "http/idempotency.h"

#include <doctest/doctest.h>

#include "http/answers.h"
#include "tests/http/api_house.h"

namespace tally::http::idempotency_test {
namespace {

Request post(std::string body, std::string key) {
  Request request;
  request.method = "POST";
  request.target = "/operator/v1/holds";
  request.body = std::move(body);
  request.headers.emplace_back("idempotency-key", std::move(key));
  return request;
}

Result<CallKey> key_of(std::string text) {
  return call_key(post("{}", std::move(text)), CallSide::operator_side);
}

const std::string grant_path = "/accounts/acme/grants";

}  // namespace

TEST_CASE("idempotency: a key is 1 to 255 printable characters, quoted or bare") {
  CHECK_FALSE(call_key(Request{}, CallSide::customer)->given());
  CHECK(key_of("abc")->row == "o:abc");
  CHECK(key_of("\"abc\"")->row == "o:abc");
  CHECK(key_of("\"a\\\"b\\\\c\"")->row == "o:a\"b\\c");
  CHECK(key_of(std::string(255, 'x')).has_value());
  CHECK(key_of("\"" + std::string(255, 'x') + "\"").has_value());
  for (const std::string& bad :
       {std::string(), std::string("\"\""), std::string("\"abc"), std::string("\"a\"b\""), std::string("\"a\\n\""),
        std::string("\""), std::string("\"a\\"), std::string("a\tb"), std::string("\xc3\xa9"), std::string(256, 'x')}) {
    const auto key = key_of(bad);
    REQUIRE_FALSE_MESSAGE(key.has_value(), bad);
    CHECK(key.error().rule == "invalid_idempotency_key");
  }
}

TEST_CASE("idempotency: two keys on one request are refused") {
  Request request = post("{}", "a");
  request.headers.emplace_back("idempotency-key", "b");
  CHECK_FALSE(call_key(request, CallSide::operator_side).has_value());
}

TEST_CASE("idempotency: the operator's and a customer's keys never meet") {
  CHECK(call_key(post("{}", "k"), CallSide::operator_side)->row != call_key(post("{}", "k"), CallSide::customer)->row);
}

TEST_CASE("idempotency: method, target and body make the digest") {
  const auto digest = [](std::string method, std::string target, std::string body) {
    Request request = post(std::move(body), "k");
    request.method = std::move(method);
    request.target = std::move(target);
    return call_key(request, CallSide::operator_side)->digest;
  };
  const auto first = digest("POST", "/a", "{}");
  CHECK(first == digest("POST", "/a", "{}"));
  CHECK(first != digest("PUT", "/a", "{}"));
  CHECK(first != digest("POST", "/b", "{}"));
  CHECK(first != digest("POST", "/a", "{ }"));
}

TEST_CASE("idempotency: a repeat gets the same bytes and changes nothing") {
  ApiHouse house;
  house.open_account("acme");
  const Response first = house.as_operator("POST", grant_path, R"({"amount":"5"})", "k1");
  CHECK(first.status == 201);
  CHECK_FALSE(replayed(first));
  house.clock.advance_ms(day_ms);
  const Response second = house.as_operator("POST", grant_path, R"({"amount":"5"})", "\"k1\"");
  CHECK(second.status == 201);
  CHECK(second.body == first.body);
  CHECK(second.content_type == first.content_type);
  CHECK(replayed(second));
  CHECK(house.balance("acme") == R"({"balance":"5","reserved":"0","available":"5","debt":"0"})");
}

TEST_CASE("idempotency: without a key every call counts") {
  ApiHouse house;
  house.open_account("acme");
  REQUIRE(house.as_operator("POST", grant_path, R"({"amount":"5"})").status == 201);
  REQUIRE(house.as_operator("POST", grant_path, R"({"amount":"5"})").status == 201);
  CHECK(house.balance("acme") == R"({"balance":"10","reserved":"0","available":"10","debt":"0"})");
}

TEST_CASE("idempotency: a key used for another body or path is refused and changes nothing") {
  ApiHouse house;
  house.open_account("acme", "1");
  REQUIRE(house.as_operator("POST", grant_path, R"({"amount":"5"})", "k1").status == 201);
  const Response other = house.as_operator("POST", grant_path, R"({"amount":"6"})", "k1");
  CHECK(other.status == 422);
  CHECK(code_of(other) == "idempotency_key_reused");
  CHECK(code_of(house.as_operator("POST", "/holds", R"({"account":"acme","credits":"1"})", "k1")) ==
        "idempotency_key_reused");
  CHECK(house.balance("acme") == R"({"balance":"6","reserved":"0","available":"6","debt":"0"})");
}

TEST_CASE("idempotency: keys are of one account") {
  ApiHouse house;
  house.open_account("acme");
  house.open_account("other");
  CHECK(house.as_operator("POST", "/accounts/acme/grants", R"({"amount":"5"})", "k1").status == 201);
  const Response other = house.as_operator("POST", "/accounts/other/grants", R"({"amount":"5"})", "k1");
  CHECK(other.status == 201);
  CHECK_FALSE(replayed(other));
}

TEST_CASE("idempotency: repeats that overtake the first one's commit have one effect and one answer") {
  ApiHouse house;
  house.open_account("acme");
  const std::vector<Field> headers{{"authorization", "Bearer token"}, {"idempotency-key", "k1"}};
  std::vector<std::shared_ptr<Response>> answers;
  for (int i = 0; i < 3; ++i)
    answers.push_back(house.send("POST", "/operator/v1" + grant_path, R"({"amount":"5"})", headers));
  house.settle();
  CHECK(answers[0]->status == 201);
  CHECK(answers[1]->body == answers[0]->body);
  CHECK(answers[2]->body == answers[0]->body);
  CHECK(replayed(*answers[2]));
  CHECK(house.balance("acme") == R"({"balance":"5","reserved":"0","available":"5","debt":"0"})");
}

TEST_CASE("idempotency: a refusal that was decided is replayed, also when it would be decided otherwise now") {
  ApiHouse house;
  house.open_account("acme");
  const std::string body = R"({"account":"acme","credits":"3"})";
  const Response refused = house.as_operator("POST", "/holds", body, "h1");
  CHECK(refused.status == 402);
  REQUIRE(house.as_operator("POST", grant_path, R"({"amount":"5"})").status == 201);
  const Response again = house.as_operator("POST", "/holds", body, "h1");
  CHECK(again.status == 402);
  CHECK(again.body == refused.body);
  CHECK(replayed(again));
  CHECK(house.as_operator("POST", "/holds", body, "h2").status == 201);
}

TEST_CASE("idempotency: what asks to try again is not kept") {
  ApiHouse house;
  house.open_account("acme");
  int calls = 0;
  Response got;
  const auto run = [&](Result<Response> outcome) {
    CallKey key;
    key.row = "o:k";
    house.idempotency.run(
        AccountId("acme"), key,
        [&](storage::AccountTx&) {
          ++calls;
          return outcome;
        },
        [&](Response response) { got = std::move(response); });
    house.settle();
  };
  run(fail(Errc::exhausted, "later"));
  CHECK(got.status == 503);
  run(problem(429, "too_many_holds", ""));
  CHECK(got.status == 429);
  run(json_response(200, "{}"));
  CHECK(got.status == 200);
  CHECK_FALSE(replayed(got));
  run(json_response(200, "{}"));
  CHECK(replayed(got));
  CHECK(calls == 3);
}

TEST_CASE("idempotency: an account, prices and a webhook secret are made once per key") {
  ApiHouse house;
  const Response account = house.as_operator("POST", "/accounts", R"({"id":"acme"})", "a1");
  CHECK(account.status == 201);
  CHECK(house.as_operator("POST", "/accounts", R"({"id":"acme"})", "a1").body == account.body);
  const Response taken = house.as_operator("POST", "/accounts", R"({"id":"acme"})", "a2");
  CHECK(taken.status == 409);
  CHECK(code_of(taken) == "account_exists");
  CHECK(replayed(house.as_operator("POST", "/accounts", R"({"id":"acme"})", "a2")));

  const std::string prices = R"({"prices":[{"endpoint":"geo","credits":"0.5"}]})";
  const Response priced = house.as_operator("POST", "/prices", prices, "p1");
  CHECK(house.as_operator("POST", "/prices", prices, "p1").body == priced.body);
  CHECK(house.directory.prices()->versions("geo")->size() == 1);

  const Response rotated = house.as_customer("acme", "POST", "/v1/account/rotate-webhook-secret", "r1");
  CHECK(rotated.status == 200);
  CHECK(house.as_customer("acme", "POST", "/v1/account/rotate-webhook-secret", "r1").body == rotated.body);
  CHECK(house.directory.account(AccountId("acme"))->webhook.current == at(rotated, "webhook_secret"));
}

TEST_CASE("idempotency: a new key's secret is shown again, but not readable in the store") {
  ApiHouse house;
  house.open_account("acme");
  const Response made = house.as_operator("POST", "/accounts/acme/keys", R"({"kind":"pair"})", "k1");
  CHECK(made.status == 201);
  CHECK(house.as_operator("POST", "/accounts/acme/keys", R"({"kind":"pair"})", "k1").body == made.body);
  CHECK(house.directory.keys_of(AccountId("acme")).size() == 1);
  const auto record = house.store.get(storage::Table::idempotency, AccountId("acme"), "o:k1");
  REQUIRE(record->has_value());
  CHECK((*record)->find(at(made, "secret")) == std::string::npos);
  CHECK((*record)->find(at(made, "key")) == std::string::npos);
}

TEST_CASE("idempotency: the answer to a batch of events is the first one's") {
  ApiHouse house;
  house.open_account("acme");
  house.open_account("other");
  const std::string body =
      R"([{"id":"1","account":"acme","endpoint":"x"},{"id":"1","account":"other","endpoint":"x"}])";
  const Response first = house.as_operator("POST", "/events", body, "e1");
  CHECK(first.body == R"({"accepted":2,"duplicates":0,"rejected":[],"credits":"0"})");
  const Response second = house.as_operator("POST", "/events", body, "e1");
  CHECK(second.body == first.body);
  CHECK(replayed(second));
  CHECK(at(house.as_operator("POST", "/events", body), "duplicates") == "2");
  CHECK(code_of(house.as_operator("POST", "/events", R"({"id":"2","account":"acme","endpoint":"x"})", "e1")) ==
        "idempotency_key_reused");
  CHECK(code_of(house.as_operator("POST", "/events", body, "\"")) == "invalid_idempotency_key");
}

TEST_CASE("idempotency: a call that runs apart refuses its repeats until it has answered") {
  ApiHouse house;
  CallKey key;
  key.row = "o:k";
  Idempotency::Answer finish;
  std::vector<Response> answers;
  const auto answer = [&](Response response) { answers.push_back(std::move(response)); };
  const auto effect = [&](Idempotency::Answer done) { finish = std::move(done); };
  house.idempotency.run_apart(AccountId("acme"), key, effect, answer);
  house.idempotency.run_apart(AccountId("acme"), key, effect, answer);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == 409);
  CHECK(code_of(answers[0]) == "idempotency_key_in_use");
  finish(json_response(200, "{}"));
  house.settle();
  REQUIRE(answers.size() == 2);
  CHECK(answers[1].status == 200);
  house.idempotency.run_apart(AccountId("acme"), key, effect, answer);
  CHECK(replayed(answers.at(2)));
}

TEST_CASE("idempotency: a call that never answers does not block its key") {
  ApiHouse house;
  CallKey key;
  key.row = "o:k";
  int calls = 0;
  for (int i = 0; i < 2; ++i)
    house.idempotency.run_apart(
        AccountId("acme"), key, [&](const Idempotency::Answer&) { ++calls; }, [](Response) {});
  CHECK(calls == 2);
}

}  // namespace tally::http::idempotency_test

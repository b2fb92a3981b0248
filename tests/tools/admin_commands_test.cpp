#include <doctest/doctest.h>

#include "tests/tools/fake_server.h"
#include "tools/tally/commands.h"

namespace admin_commands_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

const HttpRequest& last(const Bench& bench) {
  return bench.server.requests().back();
}

}  // namespace

TEST_CASE("account: create sends what was given and shows the answer") {
  Bench bench(in_turn(
      {answer(201, R"({"id":"acme","name":"Acme","subscription":{"plan":"TOPUP"},"limits":[1,2],"gone":null})")}));
  AccountFields fields;
  fields.id = "acme";
  fields.name = "Acme \"Inc\"";
  fields.email = "a@acme.example";
  fields.overdraft_limit = "10.5";
  CHECK(account_create(bench.session, fields) == 0);
  CHECK(last(bench).method == "POST");
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts");
  CHECK(last(bench).body == R"({"id":"acme","name":"Acme \"Inc\"","email":"a@acme.example","overdraft_limit":"10.5"})");
  CHECK(bench.out.str() ==
        "id                 acme\n"
        "name               Acme\n"
        "subscription.plan  TOPUP\n"
        "limits             1, 2\n"
        "gone               -\n");
}

TEST_CASE("account: a change sends only what was named, and nothing is a mistake") {
  Bench bench(in_turn({answer(200, R"({"id":"acme"})")}));
  AccountFields fields;
  fields.id = "acme";
  CHECK(account_change(bench.session, fields) == 2);
  CHECK(bench.server.requests().empty());
  fields.low_balance_thresholds = {"10", "1.5"};
  CHECK(account_change(bench.session, fields) == 0);
  CHECK(last(bench).method == "PATCH");
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme");
  CHECK(last(bench).body == R"({"low_balance_thresholds":["10","1.5"]})");
}

TEST_CASE("account: list follows the cursor to the end, or to the limit") {
  const std::vector<Result<HttpAnswer>> pages = {
      answer(200, R"({"items":[{"id":"a","subscription":{"plan":"pro"}},{"id":"b"}],"next_cursor":"x=1"})"),
      answer(200, R"({"items":[{"id":"c"}],"next_cursor":null})")};
  Bench all(in_turn(pages));
  CHECK(account_list(all.session, 0) == 0);
  CHECK(all.server.requests().size() == 2);
  CHECK(last(all).url == "http://tally.test/operator/v1/accounts?limit=500&cursor=x%3D1");
  CHECK(all.out.str().find("\na        ") != std::string::npos);
  CHECK(all.out.str().find("pro") != std::string::npos);
  Bench two(in_turn(pages));
  two.session.settings.json = true;
  CHECK(account_list(two.session, 2) == 0);
  CHECK(two.server.requests().size() == 1);
  CHECK(last(two).url.ends_with("?limit=2"));
  CHECK(two.out.str() == "{\"id\":\"a\",\"subscription\":{\"plan\":\"pro\"}}\n{\"id\":\"b\"}\n");
}

TEST_CASE("account: an empty list says how to begin, and on standard error") {
  Bench bench(in_turn({answer(200, R"({"items":[],"next_cursor":null})")}));
  CHECK(account_list(bench.session, 0) == 0);
  CHECK(bench.out.str().empty());
  CHECK(bench.err.str().find("tally account create") != std::string::npos);
}

TEST_CASE("key: create sends kind, scopes, addresses and limits, and warns that the secret is shown once") {
  Bench bench(in_turn({answer(201, R"({"id":"key_1","key":"k","secret":"s"})")}));
  KeyFields fields;
  fields.id = "acme";
  fields.kind = "pair";
  fields.scopes = {"reports"};
  fields.allowed_ips = {"192.0.2.0/24"};
  fields.per_minute = 60;
  CHECK(key_create(bench.session, fields) == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/keys");
  CHECK(last(bench).body ==
        R"({"kind":"pair","scopes":["reports"],"allowed_ips":["192.0.2.0/24"],"limits":{"per_minute":60}})");
  CHECK(bench.out.str().find("secret  s\n") != std::string::npos);
  CHECK(bench.err.str().find("never shows them again") != std::string::npos);
}

TEST_CASE("key: create says how the key looks and when it ends") {
  Bench bench(in_turn({answer(201, R"({"id":"key_1","key":"k"})")}));
  KeyFields fields;
  fields.id = "acme";
  fields.kind = "token";
  fields.format = "ru_v2";
  fields.expires_at = "2027-01-01";
  CHECK(key_create(bench.session, fields) == 0);
  CHECK(last(bench).body == R"({"kind":"token","format":"ru_v2","expires_at":"2027-01-01"})");
}

TEST_CASE("account, key, price: what is made carries an Idempotency-Key, the one that was given or a new one") {
  const auto key_of = [](const HttpRequest& request) {
    for (const auto& [name, value] : request.headers) {
      if (name == "Idempotency-Key") return value;
    }
    return std::string();
  };
  Bench bench([](const HttpRequest&) { return answer(200, R"({"items":[]})"); });
  AccountFields account;
  account.id = "acme";
  account_create(bench.session, account);
  const std::string made = key_of(last(bench));
  CHECK(made.starts_with("cli_"));
  account_create(bench.session, account);
  CHECK(key_of(last(bench)) != made);
  account.idempotency_key = "a1";
  account_create(bench.session, account);
  CHECK(key_of(last(bench)) == "a1");
  KeyFields key;
  key.id = "acme";
  key.idempotency_key = "k1";
  key_create(bench.session, key);
  CHECK(key_of(last(bench)) == "k1");
  PriceFields price;
  price.endpoint = "geo";
  price.credits = "1";
  price.idempotency_key = "p1";
  price_set(bench.session, price);
  CHECK(key_of(last(bench)) == "p1");
}

TEST_CASE("key: change, list and delete speak to their routes") {
  Bench bench(in_turn({answer(200, R"({"items":[],"id":"key_1"})")}));
  KeyFields fields;
  fields.id = "key_1";
  CHECK(key_change(bench.session, fields) == 2);
  fields.status = "disabled";
  CHECK(key_change(bench.session, fields) == 0);
  CHECK(last(bench).method == "PATCH");
  CHECK(last(bench).url == "http://tally.test/operator/v1/keys/key_1");
  CHECK(last(bench).body == R"({"status":"disabled"})");
  CHECK(key_list(bench.session, "acme", 0) == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/keys?limit=500");
  CHECK(key_delete(bench.session, "key_1") == 0);
  CHECK(last(bench).method == "DELETE");
}

TEST_CASE("key: a deletion that answers 204 without a body is a success") {
  Bench bench(in_turn({answer(204, "")}));
  CHECK(key_delete(bench.session, "key_1") == 0);
  CHECK(bench.out.str() == "deleted key_1\n");
}

TEST_CASE("price: set sends one price with its options and its beginning") {
  Bench bench(in_turn({answer(200, "{}")}));
  PriceFields fields;
  fields.endpoint = "people/search";
  fields.credits = "2.5";
  fields.charge_on = "success";
  fields.options = {"verified_email=0.5"};
  fields.effective_at = "2027-01-01T00:00:00Z";
  CHECK(price_set(bench.session, fields) == 0);
  CHECK(last(bench).body == R"({"prices":[{"endpoint":"people/search","credits":"2.5","charge_on":"success",)"
                            R"("options":{"verified_email":"0.5"}}],"effective_at":"2027-01-01T00:00:00Z"})");
  fields.options = {"verified_email"};
  CHECK(price_set(bench.session, fields) == 2);
}

TEST_CASE("price: a file is a list or a whole body, and anything else is a mistake of ours") {
  Bench bench(in_turn({answer(200, "{}")}));
  PriceFields fields;
  fields.list = R"([{"endpoint":"a","credits":1.10}])";
  CHECK(price_set(bench.session, fields) == 0);
  CHECK(last(bench).body.starts_with(R"({"prices":[{"endpoint":"a","credits":1.1)"));
  fields.list = R"({"prices":[]})";
  CHECK(price_set(bench.session, fields) == 0);
  CHECK(last(bench).body == R"({"prices":[]})");
  fields.list = "endpoint,credits";
  CHECK(price_set(bench.session, fields) == 2);
  fields.list = "7";
  CHECK(price_set(bench.session, fields) == 2);
}

TEST_CASE("price: an endpoint with a slash is one segment of the path") {
  Bench bench(in_turn({answer(200, "{}")}));
  CHECK(price_show(bench.session, "people/search") == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/prices/people%2Fsearch");
  CHECK(price_delete(bench.session, "/") == 0);
  CHECK(last(bench).url == "http://tally.test/operator/v1/prices/%2F");
}

TEST_CASE("price: show lists the versions and says which one is in force") {
  Bench bench(in_turn(
      {answer(200, R"({"endpoint":"a","current":{"version":2},"versions":[)"
                   R"({"version":1,"credits":"1","charge_on":"result","category":"","options":{},"effective_at":"t1"},)"
                   R"({"version":2,"credits":"1.25","charge_on":"request","category":"x","options":{"o":"2"},)"
                   R"("effective_at":"t2"}]})")}));
  CHECK(price_show(bench.session, "a") == 0);
  CHECK(bench.out.str() ==
        "version  effective at  credits  charge on  category  options\n"
        "      1  t1               1     result\n"
        "      2  t2               1.25  request    x         o=2\n"
        "in force: version 2\n");
}

TEST_CASE("subscription: set sends it whole, show shows its part of the account") {
  Bench bench(in_turn({answer(200, R"({"id":"acme","subscription":{"plan":"pro","unlimited":false}})")}));
  SubscriptionFields fields;
  fields.account = "acme";
  fields.plan = "pro";
  fields.monthly_allocation = "5000";
  fields.rollover = true;
  CHECK(subscription_set(bench.session, fields) == 0);
  CHECK(last(bench).method == "PUT");
  CHECK(last(bench).url == "http://tally.test/operator/v1/accounts/acme/subscription");
  CHECK(last(bench).body == R"({"plan":"pro","monthly_allocation":"5000","rollover":true})");
  bench.out.str("");
  CHECK(subscription_show(bench.session, "acme") == 0);
  CHECK(bench.out.str() == "plan       pro\nunlimited  false\n");
}

}  // namespace admin_commands_test

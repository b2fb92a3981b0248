#include "http/customer/webhooks.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace customer_webhooks_test {

using namespace tally;
using namespace tally::http;

namespace {

// The routes of standing webhooks beside those of the house, with one account's key.
struct WebhookHouse : ApiHouse {
  storage::Webhooks webhooks;
  int secrets = 0;
  int tests = 0;
  Router own{[](int status, std::string_view code, const Request&) { return problem(status, code, ""); }};
  CustomerWebhooks handler{credentials, webhooks, idempotency, clock, random, desk()};
  std::string key;

  WebhookHouse() {
    handler.add_to(own);
    open_account("acme");
    open_account("beta");
    key = new_key("acme");
  }
  std::string new_key(const std::string& account) {
    return at(as_operator("POST", "/accounts/" + account + "/keys", R"({"kind":"token"})"), "key");
  }
  WebhookDesk desk() {
    WebhookDesk made;
    made.make_secret = [this] { return "whsec_" + std::to_string(++secrets); };
    made.check_url = [](std::string_view url) -> Result<void> {
      if (url.starts_with("https://")) return {};
      return fail(Errc::invalid_argument, "only https", "invalid_callback_url");
    };
    made.test = [this](storage::AccountTx& tx, const WebhookId& id) -> Result<Delivery> {
      const auto webhook = webhooks.get(tx, id);
      if (!webhook) return webhook.error();
      if (webhook->status != WebhookStatus::active) return fail(Errc::conflict, "disabled", "webhook_disabled");
      Delivery delivery;
      delivery.id = DeliveryId("msg_test" + std::to_string(++tests));
      delivery.webhook_id = id.str();
      delivery.event = webhook_test_event;
      return delivery;
    };
    made.deliveries = [](const AccountId& account, const WebhookId& id, std::optional<DeliveryStatus>, std::size_t,
                         std::string_view) -> Result<DeliveryPage> {
      Delivery delivery;
      delivery.id = DeliveryId("msg_1");
      delivery.account = account;
      delivery.webhook_id = id.str();
      delivery.event = "credits.low";
      delivery.last_error = "inside";
      return DeliveryPage{{delivery}, "more"};
    };
    return made;
  }
  Response call(const std::string& method, const std::string& target, std::string body = {},
                const std::string& idempotency_key = {}) {
    Request request;
    request.method = method;
    request.target = request.path = target;
    request.headers = {{"authorization", "Bearer " + key}};
    if (!body.empty()) request.headers.emplace_back("content-type", "application/json");
    if (!idempotency_key.empty()) request.headers.emplace_back("idempotency-key", idempotency_key);
    request.body = std::move(body);
    Response answer;
    answer.status = 0;
    own.route(std::move(request), Reply([&](Response&& response) { answer = std::move(response); }));
    settle();
    REQUIRE(answer.status != 0);
    return answer;
  }
};

const std::string good = R"({"url":"https://example.com/a","events":["credits.low","report.failed","credits.low"]})";

}  // namespace

TEST_CASE("webhooks by HTTP: a new one shows its secret once") {
  WebhookHouse house;
  const Response made = house.call("POST", "/v1/webhooks", good);
  CHECK(made.status == 201);
  CHECK(at(made, "secret") == "whsec_1");
  CHECK(at(made, "status") == "active");
  CHECK(at(made, "events.0") == "report.failed");
  CHECK(at(made, "events.1") == "credits.low");
  CHECK(at(made, "events.2").empty());
  const std::string id = at(made, "id");
  CHECK(id.starts_with("wh_"));
  const Response list = house.call("GET", "/v1/webhooks");
  CHECK(at(list, "items.0.id") == id);
  CHECK(list.body.find("secret") == std::string::npos);
  CHECK(house.call("GET", "/v1/webhooks/" + id).body.find("secret") == std::string::npos);
}

TEST_CASE("webhooks by HTTP: creating one again under the same Idempotency-Key makes one, with the same secret") {
  WebhookHouse house;
  const Response made = house.call("POST", "/v1/webhooks", good, "k1");
  const Response again = house.call("POST", "/v1/webhooks", good, "k1");
  CHECK(replayed(again));
  CHECK(again.body == made.body);
  CHECK(house.webhooks.of(AccountId("acme"))->size() == 1);
  CHECK(house.store.get(storage::Table::idempotency, AccountId("acme"), "c:k1").value().value().find("whsec_") ==
        std::string::npos);
}

TEST_CASE("webhooks by HTTP: what cannot be a webhook is refused, and says why") {
  WebhookHouse house;
  const std::pair<std::string, std::string> cases[] = {
      {R"({"events":["credits.low"]})", "missing_url"},
      {R"({"url":"https://example.com"})", "missing_events"},
      {R"({"url":"http://10.0.0.1/","events":["credits.low"]})", "invalid_url"},
      {R"({"url":"https://example.com","events":["credits"]})", "invalid_events"},
      {R"({"url":"https://example.com","events":[]})", "invalid_events"},
      {R"({"url":"https://example.com","events":["credits.low"],"status":"paused"})", "invalid_status"},
      {R"({"url":"https://example.com","events":["credits.low"],"secret":"x"})", "unknown_field"},
  };
  for (const auto& [body, code] : cases) {
    CAPTURE(body);
    const Response refused = house.call("POST", "/v1/webhooks", body);
    CHECK(refused.status == 422);
    CHECK(code_of(refused) == code);
  }
  CHECK(house.webhooks.of(AccountId("acme"))->empty());
}

TEST_CASE("webhooks by HTTP: the twenty-first of an account is refused") {
  WebhookHouse house;
  for (int n = 0; n < 20; ++n) CHECK(house.call("POST", "/v1/webhooks", good).status == 201);
  const Response refused = house.call("POST", "/v1/webhooks", good);
  CHECK(refused.status == 409);
  CHECK(code_of(refused) == "too_many_webhooks");
}

TEST_CASE("webhooks by HTTP: a change keeps what it does not name") {
  WebhookHouse house;
  const std::string way = "/v1/webhooks/" + at(house.call("POST", "/v1/webhooks", good), "id");
  const Response changed = house.call("PATCH", way, R"({"status":"disabled"})");
  CHECK(changed.status == 200);
  CHECK(at(changed, "status") == "disabled");
  CHECK(at(changed, "url") == "https://example.com/a");
  CHECK(code_of(house.call("PATCH", way, R"({"url":"ftp://x"})")) == "invalid_url");
  CHECK(at(house.call("PATCH", way, R"({"status":"active","events":["credits.reloaded"]})"), "events.0") ==
        "credits.reloaded");
}

TEST_CASE("webhooks by HTTP: a test is sent once per Idempotency-Key, and not to a disabled one") {
  WebhookHouse house;
  const std::string way = "/v1/webhooks/" + at(house.call("POST", "/v1/webhooks", good), "id");
  const Response sent = house.call("POST", way + "/test", "", "t1");
  CHECK(sent.status == 202);
  CHECK(at(sent, "event") == "webhook.test");
  CHECK(at(sent, "status") == "pending");
  CHECK(replayed(house.call("POST", way + "/test", "", "t1")));
  CHECK(house.tests == 1);
  CHECK(code_of(house.call("POST", way + "/test", R"({"x":1})")) == "unknown_field");
  house.call("PATCH", way, R"({"status":"disabled"})");
  CHECK(code_of(house.call("POST", way + "/test")) == "webhook_disabled");
}

TEST_CASE("webhooks by HTTP: why and since when one is disabled is shown, and enabling it forgets that") {
  WebhookHouse house;
  const std::string way = "/v1/webhooks/" + at(house.call("POST", "/v1/webhooks", good), "id");
  CHECK(house.call("GET", way).body.find(R"("failing_since":null,"disabled_reason":null,"disabled_at":null)") !=
        std::string::npos);
  const Response disabled = house.call("PATCH", way, R"({"status":"disabled"})");
  CHECK(at(disabled, "disabled_reason") == "requested");
  CHECK(at(disabled, "disabled_at") == house.clock.now().to_string());
  house.clock.advance_ms(day_ms);
  CHECK(house.call("PATCH", way, R"({"status":"disabled"})").body == disabled.body);
  const Response enabled = house.call("PATCH", way, R"({"status":"active"})");
  CHECK(at(enabled, "status") == "active");
  CHECK(enabled.body.find(R"("disabled_reason":null,"disabled_at":null)") != std::string::npos);
}

TEST_CASE("webhooks by HTTP: a rotated secret leaves the earlier one valid for a day") {
  WebhookHouse house;
  const std::string id = at(house.call("POST", "/v1/webhooks", good), "id");
  const Response rotated = house.call("POST", "/v1/webhooks/" + id + "/rotate-secret");
  CHECK(at(rotated, "secret") == "whsec_2");
  CHECK(at(rotated, "previous_valid_until") == (house.clock.now() + day_ms).to_string());
  const auto webhook = house.webhooks.find(AccountId("acme"), WebhookId(id));
  CHECK(webhook->secrets.current == "whsec_2");
  CHECK(webhook->secrets.previous == "whsec_1");
}

TEST_CASE("webhooks by HTTP: another account's webhook is as missing as one that never was") {
  WebhookHouse house;
  const std::string id = at(house.call("POST", "/v1/webhooks", good), "id");
  house.key = house.new_key("beta");
  for (const std::string& one : {id, std::string("wh_no"), std::string("%20")}) {
    CAPTURE(one);
    const std::string way = "/v1/webhooks/" + one;
    CHECK(house.call("GET", way).status == 404);
    CHECK(house.call("PATCH", way, "{}").status == 404);
    CHECK(house.call("DELETE", way).status == 404);
    CHECK(house.call("POST", way + "/rotate-secret").status == 404);
    CHECK(house.call("POST", way + "/test").status == 404);
    CHECK(house.call("GET", way + "/deliveries").status == 404);
  }
  CHECK(at(house.call("GET", "/v1/webhooks"), "items.0.id").empty());
}

TEST_CASE("webhooks by HTTP: a deleted one is gone") {
  WebhookHouse house;
  const std::string way = "/v1/webhooks/" + at(house.call("POST", "/v1/webhooks", good), "id");
  CHECK(house.call("DELETE", way).status == 204);
  CHECK(house.call("GET", way).status == 404);
  CHECK(house.call("DELETE", way).status == 404);
}

TEST_CASE("webhooks by HTTP: its log shows the customer no inner error") {
  WebhookHouse house;
  const std::string way = "/v1/webhooks/" + at(house.call("POST", "/v1/webhooks", good), "id");
  const Response log = house.call("GET", way + "/deliveries");
  CHECK(log.status == 200);
  CHECK(at(log, "items.0.id") == "msg_1");
  CHECK(at(log, "next_cursor") == "more");
  CHECK(log.body.find("inside") == std::string::npos);
  CHECK(log.body.find("account") == std::string::npos);
}

TEST_CASE("webhooks by HTTP: without a valid key nothing is told") {
  WebhookHouse house;
  house.key = "none";
  CHECK(house.call("GET", "/v1/webhooks").status == 401);
  CHECK(house.call("POST", "/v1/webhooks", good).status == 401);
}

}  // namespace customer_webhooks_test

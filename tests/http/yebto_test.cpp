#include "http/dialects/yebto.h"

#include <doctest/doctest.h>

#include "tests/http/vendor_house.h"

namespace tally::http::yebto_test {
namespace {

const std::string cost = "/v1/credits/cost";
const std::string balance = "/v1/credits/balance";
const std::string nothing_asked = R"({"error":"Provide \"endpoint\" (string) or \"endpoints\" (array).","code":422})";
const std::string who_is_it = R"({"error":"Cannot resolve user from API key.","code":401})";

// The prices of the vendor's page, and an account that has 142.5 after one call.
struct Page : VendorHouse {
  Page() {
    for (const auto& [endpoint, credits] : {std::pair{"youtube/channel/audit", "0.01"},
                                            {"screenshot/capture", "0.05"},
                                            {"qr/code", "0.009"},
                                            {"chatbot/message", "0.05"}})
      set_price(endpoint, credits);
    open_account("acme", "142.5001");
    key = make_key("acme");
  }
  Response call(const std::string& path, const std::string& body) {
    return ask("POST", path, body, {{"x-api-key", key.key}});
  }
  std::string left() { return at(as_operator("GET", "/accounts/acme/balance"), "balance"); }
  VendorKey key;
};

std::string refused(int status, const std::string& text) {
  return R"({"error":")" + text + R"(","code":)" + std::to_string(status) + "}";
}

}  // namespace

TEST_CASE("yeb.to: the answers of the vendor's page, field by field") {
  const std::string tail = R"("credits_spent":0.0001,"credits_left":142.5,"response_code":200,"response_time_ms":0})";
  SUBCASE("one endpoint, the key in the body") {
    Page page;
    const Response response =
        page.ask("POST", cost, R"({"api_key":")" + page.key.key + R"(","endpoint":"youtube/channel/audit"})");
    CHECK(response.status == 200);
    CHECK(response.content_type == "application/json");
    CHECK(response.body == R"({"endpoint":"youtube/channel/audit","credits":0.01,)" + tail);
  }
  SUBCASE("many, the key in the header") {
    Page page;
    const Response response = page.call(cost, R"({"endpoints":["screenshot/capture","qr/code","chatbot/message"]})");
    CHECK(response.body == R"({"costs":{"screenshot/capture":0.05,"qr/code":0.009,"chatbot/message":0.05},)" + tail);
  }
  SUBCASE("the balance, without a body") {
    Page page;
    CHECK(page.call(balance, "").body == R"({"credits":142.5,)" + tail);
  }
  SUBCASE("the balance, the key in the body") {
    Page page;
    CHECK(page.ask("POST", balance, R"({"api_key":")" + page.key.key + "\"}").body == R"({"credits":142.5,)" + tail);
  }
}

TEST_CASE("yeb.to: costs come in the order asked, each once, and null for an unknown endpoint") {
  Page page;
  const Response response = page.call(cost, R"({"endpoints":["zz","qr/code","a\"b","qr/code","zz"]})");
  CHECK(response.body.starts_with(R"({"costs":{"zz":null,"qr/code":0.009,"a\"b":null},"credits_spent")"));
  CHECK(page.call(cost, R"({"endpoint":"no/such"})").body.starts_with(R"({"endpoint":"no/such","credits":null,)"));
  page.set_price("qr/code", "1");
  CHECK(at(page.call(cost, R"({"endpoint":"qr/code"})"), "credits") == "1");
  CHECK(at(page.call(cost, R"({"endpoint":"credits/balance"})"), "credits") == "0.0001");
}

TEST_CASE("yeb.to: of both parameters the list counts") {
  Page page;
  const Response both = page.call(cost, R"({"endpoint":"qr/code","endpoints":["screenshot/capture"]})");
  CHECK(at(both, "costs.screenshot/capture") == "0.05");
  CHECK(at(page.call(cost, R"({"endpoint":"qr/code","endpoints":null,"other":1})"), "credits") == "0.009");
}

TEST_CASE("yeb.to: what cannot be answered is refused as the page shows, and charged all the same") {
  struct Case {
    std::string body;
    int status;
    std::string answer;
  };
  std::string fifty_one = R"({"endpoints":["e")";
  for (int i = 0; i < 50; ++i) fifty_one += R"(,"e")";
  fifty_one += "]}";
  const std::vector<Case> cases{
      {"", 422, nothing_asked},
      {"{}", 422, nothing_asked},
      {R"({"endpoint":""})", 422, nothing_asked},
      {R"({"endpoint":7})", 422, nothing_asked},
      {R"({"endpoint":["qr/code"]})", 422, nothing_asked},
      {R"({"endpoints":"qr/code"})", 422, nothing_asked},
      {R"({"endpoints":[]})", 422, nothing_asked},
      {R"({"endpoints":["qr/code",7]})", 422, refused(422, R"(\"endpoints\" must hold strings only.)")},
      {fifty_one, 422, refused(422, R"(\"endpoints\" may hold up to 50 endpoints.)")},
      {R"({"endpoint":"a","endpoint":"b"})", 400, "The body cannot be read"},
      {R"({"endpoint":)", 400, "The body cannot be read"},
      {"[]", 400, refused(400, "The body must be a JSON object.")},
  };
  Page page;
  for (const Case& c : cases) {
    CAPTURE(c.body);
    page.clock.advance_ms(second_ms);
    const std::string before = page.left();
    const Response response = page.call(cost, c.body);
    CHECK(response.status == c.status);
    CHECK(at(response, "code") == std::to_string(c.status));
    if (c.answer.starts_with('{')) CHECK(response.body == c.answer);
    if (!c.answer.starts_with('{')) CHECK(at(response, "error").starts_with(c.answer));
    CHECK(Credits::parse(before)->micros() - Credits::parse(page.left())->micros() == 100);
  }
  const std::string usage = page.as_customer("acme", "GET", "/v1/ledger?limit=1").body;
  CHECK(usage.find(R"("source":"yeb.to")") != std::string::npos);
  CHECK(usage.find(R"("endpoint":"credits/cost")") != std::string::npos);
}

TEST_CASE("yeb.to: fifty endpoints are not too many") {
  Page page;
  std::string fifty = R"({"endpoints":["qr/code")";
  for (int i = 0; i < 49; ++i) fifty += ",\"e" + std::to_string(i) + "\"";
  CHECK(page.call(cost, fifty + "]}").status == 200);
}

TEST_CASE("yeb.to: another media type is 415, an unreadable body without a header 400, and the latter is nobody's") {
  Page page;
  const std::vector<Field> form{{"x-api-key", page.key.key}, {"content-type", "application/x-www-form-urlencoded"}};
  const Response response = page.ask("POST", cost, "endpoint=qr/code", form);
  CHECK(response.body == refused(415, "The body must be application/json."));
  CHECK(page.left() == "142.5");
  CHECK(page.ask("POST", cost, R"({"api_key":")" + page.key.key).status == 400);
  CHECK(page.left() == "142.5");
}

TEST_CASE("yeb.to: who is not known is not charged") {
  Page page;
  const VendorKey pair = page.make_key("acme", "pair");
  const VendorKey gone = page.make_key("acme");
  REQUIRE(page.as_operator("DELETE", "/keys/" + gone.id).status < 300);
  for (const std::string& key : {std::string(), std::string("nonsense"), page.key.key + "x", pair.key, gone.key}) {
    CAPTURE(key);
    CHECK(page.ask("POST", balance, R"({"api_key":")" + key + "\"}").body == who_is_it);
    CHECK(page.ask("POST", balance, "", {{"x-api-key", key}}).status == 401);
  }
  CHECK(page.ask("POST", balance, R"({"api_key":17})").body == who_is_it);
  CHECK(page.ask("POST", balance).body == who_is_it);
  CHECK(page.ask("POST", cost, R"({"endpoint":"qr/code"})").body == who_is_it);
  CHECK(page.ask("POST", balance, R"({"api_key":")" + page.key.key + "\"}", {{"x-api-key", "wrong"}}).status == 401);
  CHECK(page.left() == "142.5001");
}

TEST_CASE("yeb.to: a key that is inactive, elsewhere or for other things is 403 and not charged") {
  Page page;
  const VendorKey elsewhere = page.make_key("acme", "token", R"(,"allowed_ips":["10.0.0.0/8"])");
  const VendorKey other = page.make_key("acme", "token", R"(,"scopes":["webhooks"])");
  REQUIRE(page.as_operator("PATCH", "/keys/" + page.key.id, R"({"status":"disabled"})").status == 200);
  CHECK(page.call(balance, "").body == refused(403, "This API key is inactive."));
  CHECK(page.ask("POST", balance, "", {{"x-api-key", elsewhere.key}}).body ==
        refused(403, "This API key is not allowed from this address."));
  CHECK(page.ask("POST", balance, "", {{"x-api-key", other.key}}).body ==
        refused(403, "This API key is not allowed to read the account."));
  CHECK(page.left() == "142.5001");
}

TEST_CASE("yeb.to: a call costs its listed price whatever the unit is, and the entry says by which version") {
  for (const char* charge_on : {"result", "success", "request"}) {
    CAPTURE(charge_on);
    Page page;
    page.set_price("credits/cost", "2", R"(,"charge_on":")" + std::string(charge_on) + "\"");
    const Response good = page.call(cost, R"({"endpoint":"credits/cost"})");
    CHECK(at(good, "credits") == "2");
    CHECK(at(good, "credits_spent") == "2");
    CHECK(at(good, "credits_left") == "140.5001");
    const Response newest = page.as_customer("acme", "GET", "/v1/ledger?limit=1");
    CHECK(at(newest, "items.0.price_version") == "1");
    CHECK(page.call(cost, "{}").status == 422);
    CHECK(page.left() == "138.5001");
    CHECK(at(page.call(balance, ""), "credits_spent") == "0.0001");
  }
}

TEST_CASE("yeb.to: an account in debt has nothing left, and an unlimited one spends nothing") {
  Page page;
  page.open_account("poor");
  const VendorKey poor = page.make_key("poor");
  const Response owing = page.ask("POST", balance, "", {{"x-api-key", poor.key}});
  CHECK(owing.body.starts_with(R"({"credits":0,"credits_spent":0.0001,"credits_left":0,)"));
  CHECK(at(page.as_operator("GET", "/accounts/poor/balance"), "balance") == "-0.0001");

  page.open_account("rich", "3");
  REQUIRE(page.as_operator("PUT", "/accounts/rich/subscription", R"({"plan":"all","unlimited":true})").status == 200);
  const VendorKey rich = page.make_key("rich");
  const Response free = page.ask("POST", balance, "", {{"x-api-key", rich.key}});
  CHECK(free.body.starts_with(R"({"credits":3,"credits_spent":0,"credits_left":3,)"));
}

TEST_CASE("yeb.to: twenty calls a second, and the next is 429 and free") {
  Page page;
  for (int i = 0; i < 20; ++i) CHECK(page.call(balance, "").status == 200);
  const std::string before = page.left();
  const Response response = page.call(balance, "");
  CHECK(response.status == 429);
  CHECK(response.body == refused(429, "Too many requests."));
  CHECK(header_of(response, "Retry-After") == "1");
  CHECK(header_of(response, "RateLimit-Limit") == "20");
  CHECK(page.left() == before);
  page.clock.advance_ms(second_ms);
  CHECK(page.call(balance, "").status == 200);
}

}  // namespace tally::http::yebto_test

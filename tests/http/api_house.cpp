#include "tests/http/api_house.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "http/target.h"

namespace tally::http {

ApiHouse::ApiHouse() {
  REQUIRE(meter.recover(random).has_value());
  REQUIRE(issuers_.load().has_value());
  credentials.set_login_reader([this](std::string_view token, UtcTime now) {
    const auto caller = login_tokens_.read(token, now);
    return caller ? Result<AccountId>(caller->account) : Result<AccountId>(caller.error());
  });
  accounts_.add_to(router_, guard);
  authorize_.add_to(router_, guard);
  prices_.add_to(router_, guard);
  events_.add_to(router_, guard);
  ledger_.add_to(router_, guard);
  holds_.add_to(router_, guard);
  customer_account_.add_to(router_);
  customer_ledger_.add_to(router_);
  rich_logins_.add_to(router_);
  rich_account_.add_to(router_);
}

std::shared_ptr<Response> ApiHouse::send(const std::string& method, const std::string& target, std::string body,
                                         std::vector<Field> headers) {
  Request request;
  request.method = method;
  request.target = target;
  request.id = "req-1";
  request.received_at = clock.now();
  split_target(request);
  request.headers = std::move(headers);
  if (!body.empty()) request.headers.emplace_back("content-type", "application/json");
  request.body = std::move(body);
  auto answer = std::make_shared<Response>();
  answer->status = 0;
  router_.route(std::move(request), Reply([answer](Response&& response) { *answer = std::move(response); }));
  return answer;
}

void ApiHouse::settle() {
  while (writer.step()) {
  }
}

Response ApiHouse::ask(const std::string& method, const std::string& target, std::string body,
                       std::vector<Field> headers) {
  const auto answer = send(method, target, std::move(body), std::move(headers));
  settle();
  REQUIRE(answer->status != 0);
  return *answer;
}

Response ApiHouse::as_operator(const std::string& method, const std::string& path, std::string body,
                               const std::string& idempotency_key) {
  std::vector<Field> headers{{"authorization", "Bearer token"}};
  if (!idempotency_key.empty()) headers.emplace_back("idempotency-key", idempotency_key);
  return ask(method, "/operator/v1" + path, std::move(body), std::move(headers));
}

Response ApiHouse::as_customer(const std::string& account, const std::string& method, const std::string& target,
                               const std::string& idempotency_key) {
  std::string& key = keys_[account];
  if (key.empty()) key = at(as_operator("POST", "/accounts/" + account + "/keys", R"({"kind":"token"})"), "key");
  std::vector<Field> headers{{"authorization", "Bearer " + key}};
  if (!idempotency_key.empty()) headers.emplace_back("idempotency-key", idempotency_key);
  return ask(method, target, "", std::move(headers));
}

void ApiHouse::open_account(const std::string& id, const std::string& credits) {
  REQUIRE(as_operator("POST", "/accounts", R"({"id":")" + id + R"("})").status == 201);
  if (credits == "0") return;
  REQUIRE(as_operator("POST", "/accounts/" + id + "/grants", R"({"amount":")" + credits + R"("})").status == 201);
}

std::string ApiHouse::balance(const std::string& account) {
  return as_operator("GET", "/accounts/" + account + "/balance").body;
}

JsonValue json_of(const Response& response) {
  auto value = parse_json(response.body);
  REQUIRE_MESSAGE(value.has_value(), response.body);
  return std::move(*value);
}

std::string at(const Response& response, std::string_view way) {
  const JsonValue root = json_of(response);
  const JsonValue* value = &root;
  while (value && !way.empty()) {
    const std::size_t dot = std::min(way.find('.'), way.size());
    const std::string name(way.substr(0, dot));
    way.remove_prefix(std::min(dot + 1, way.size()));
    if (value->kind == JsonValue::Kind::array) {
      const std::size_t index = std::stoul(name);
      value = index < value->items.size() ? &value->items[index] : nullptr;
    } else {
      value = value->find(name);
    }
  }
  return value ? value->text : std::string();
}

std::string code_of(const Response& response) {
  return at(response, "code");
}

bool replayed(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Idempotency-Replayed") return value == "true";
  }
  return false;
}

}  // namespace tally::http

#include "http/dialects/rich_logins.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "http/dialects/rich_wire.h"
#include "tests/http/api_house.h"

namespace tally::http::rich_logins_test {
namespace {

const std::string email = "ann@acme.example";
const std::string password = "correct horse";

std::string credentials_json(const std::string& by, const std::string& with) {
  return R"({"email":")" + by + R"(","password":")" + with + "\"}";
}

struct LoginHouse : ApiHouse {
  LoginHouse() {
    REQUIRE(
        as_operator("POST", "/accounts", R"({"id":"acme","email":")" + email + R"(","password":")" + password + "\"}")
            .status == 201);
  }
  Response login(const std::string& with = password, const std::string& by = email) {
    return ask("POST", "/auth/login", credentials_json(by, with));
  }
  Response refresh(const std::string& token) {
    return ask("POST", "/auth/refresh", R"({"refresh_token":")" + token + "\"}");
  }
  Response revoke(const std::string& token) {
    return ask("POST", "/auth/token/revoke", R"({"token":")" + token + "\"}");
  }
  Response with_token(const std::string& method, const std::string& path, const std::string& token) {
    return ask(method, path, "", {{"authorization", "Bearer " + token}});
  }
  int account_status(const std::string& token) { return with_token("GET", "/auth/account/credits", token).status; }
};

std::string error_of(const Response& response) {
  return at(response, "error.code");
}

std::string header_of(const Response& response, std::string_view name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const Field& field) { return field.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

}  // namespace

TEST_CASE("login: answers both tokens, their type and the seconds that the first lives") {
  LoginHouse house;
  const Response response = house.login();
  REQUIRE(response.status == 200);
  CHECK(json_of(response).names ==
        std::vector<std::string>{"access_token", "refresh_token", "token_type", "expires_in"});
  CHECK(at(response, "token_type") == "Bearer");
  CHECK(at(response, "expires_in") == "900");
  CHECK(header_of(response, "Cache-Control") == "no-store");
  CHECK(house.account_status(at(response, "access_token")) == 200);
}

TEST_CASE("login: the e-mail's letters may be written as one likes") {
  LoginHouse house;
  CHECK(house.login(password, "Ann@ACME.example").status == 200);
}

TEST_CASE("login: a wrong password and an e-mail that nobody has are answered alike, also once they are locked") {
  LoginHouse house;
  for (int i = 0; i < 5; ++i) {
    const Response wrong = house.login("wrong");
    const Response nobody = house.login("wrong", "nobody@acme.example");
    CHECK(wrong.status == 401);
    CHECK(error_of(wrong) == "invalid_credentials");
    CHECK(wrong.body == nobody.body);
    CHECK(wrong.headers == nobody.headers);
  }
  const Response wrong = house.login("wrong");
  const Response nobody = house.login("wrong", "nobody@acme.example");
  CHECK(wrong.status == 429);
  CHECK(error_of(wrong) == "too_many_attempts");
  CHECK(header_of(wrong, "Retry-After") == "60");
  CHECK(wrong.body == nobody.body);
  CHECK(wrong.headers == nobody.headers);
}

TEST_CASE("login: a locked login refuses the right password too, until the lock is over") {
  LoginHouse house;
  for (int i = 0; i < 5; ++i) house.login("wrong");
  CHECK(house.login().status == 429);
  house.clock.advance_ms(minute_ms);
  CHECK(house.login("wrong").status == 401);
  CHECK(house.login().status == 429);
  house.clock.advance_ms(2 * minute_ms);
  CHECK(house.login().status == 200);
  CHECK(house.login("wrong").status == 401);
  CHECK(house.login().status == 200);
}

TEST_CASE("login: guesses that come at once are no more than as many in a row") {
  LoginHouse house;
  std::vector<std::shared_ptr<Response>> answers;
  for (int i = 0; i < 10; ++i)
    answers.push_back(house.send("POST", "/auth/login", credentials_json(email, "guess " + std::to_string(i))));
  house.settle();
  CHECK(std::count_if(answers.begin(), answers.end(), [](const auto& answer) { return answer->status == 401; }) == 5);
  CHECK(std::count_if(answers.begin(), answers.end(), [](const auto& answer) { return answer->status == 429; }) == 5);
}

TEST_CASE("login: more than a lane holds is told to come back") {
  LoginHouse house;
  std::vector<std::shared_ptr<Response>> answers;
  for (int i = 0; i < 30; ++i) answers.push_back(house.send("POST", "/auth/login", credentials_json(email, password)));
  CHECK(answers.back()->status == 429);
  CHECK(header_of(*answers.back(), "Retry-After") == "1");
  house.settle();
  CHECK(answers.front()->status == 200);
}

TEST_CASE("login: bodies that cannot be read or lack something are told which way") {
  LoginHouse house;
  const auto refused = [&](const std::string& body) {
    const Response response = house.ask("POST", "/auth/login", body);
    return std::to_string(response.status) + " " + error_of(response);
  };
  CHECK(refused("{") == "400 malformed_json");
  CHECK(refused("[]") == "422 invalid_body");
  CHECK(refused(R"({"email":"a@b"})") == "422 missing_password");
  CHECK(refused(R"({"password":"x"})") == "422 missing_email");
  CHECK(refused(R"({"email":1,"password":"x"})") == "422 invalid_email");
  CHECK(refused(R"({"email":"a","password":"x"})") == "422 invalid_email");
  CHECK(refused(R"({"email":"a@b","password":null})") == "422 invalid_password");
  CHECK(refused(R"({"email":"a@b","email":"c@d","password":"x"})") == "422 duplicate_key");
  CHECK(refused(R"({"email":"nobody@b","password":"x","remember_me":true})") == "401 invalid_credentials");
  const Response plain = house.ask("POST", "/auth/login", "", {{"content-type", "text/plain"}});
  CHECK(plain.status == 415);
  CHECK(error_of(plain) == "unsupported_media_type");
}

TEST_CASE("refresh: gives new tokens, and the old refresh token ends the session of both") {
  LoginHouse house;
  const Response first = house.login();
  const Response second = house.refresh(at(first, "refresh_token"));
  REQUIRE(second.status == 200);
  CHECK(json_of(second).names == json_of(first).names);
  CHECK(at(second, "access_token") != at(first, "access_token"));
  CHECK(at(second, "refresh_token") != at(first, "refresh_token"));
  CHECK(house.account_status(at(second, "access_token")) == 200);

  const Response reused = house.refresh(at(first, "refresh_token"));
  CHECK(reused.status == 401);
  CHECK(error_of(reused) == "token_reused");
  CHECK(house.refresh(at(second, "refresh_token")).status == 401);
  CHECK(house.account_status(at(second, "access_token")) == 401);
  CHECK(house.account_status(at(house.login(), "access_token")) == 200);
}

TEST_CASE("refresh: a refresh token lives seven days from its own beginning") {
  LoginHouse house;
  std::string token = at(house.login(), "refresh_token");
  house.clock.advance_ms(7 * day_ms - 1);
  const Response second = house.refresh(token);
  CHECK(second.status == 200);
  house.clock.advance_ms(7 * day_ms);
  CHECK(error_of(house.refresh(at(second, "refresh_token"))) == "invalid_token");
}

TEST_CASE("refresh: text that is no refresh token, or of a session that is none, is refused alike") {
  LoginHouse house;
  const Response login = house.login();
  const std::string good = at(login, "refresh_token");
  std::string changed = good;
  changed[changed.size() - 5] = changed[changed.size() - 5] == 'A' ? 'B' : 'A';
  const Response nonsense = house.refresh("nonsense");
  CHECK(nonsense.status == 401);
  for (const std::string& token : {changed, at(login, "access_token"), "trt_nobody" + good.substr(8)}) {
    const Response response = house.refresh(token);
    CHECK(response.status == 401);
    CHECK(response.body == nonsense.body);
  }
  CHECK(house.refresh(good).status == 200);
  CHECK(house.ask("POST", "/auth/refresh", "{}").status == 422);
}

TEST_CASE("access token: it ends after 15 minutes") {
  LoginHouse house;
  const std::string token = at(house.login(), "access_token");
  house.clock.advance_ms(15 * minute_ms - 1'000);
  CHECK(house.account_status(token) == 200);
  house.clock.advance_ms(1'000);
  const Response late = house.with_token("GET", "/auth/account/credits", token);
  CHECK(late.status == 401);
  CHECK(error_of(late) == "token_expired");
  CHECK(header_of(late, "WWW-Authenticate") == "Bearer");
}

TEST_CASE("logout: ends the session of the token at once, and no other") {
  LoginHouse house;
  const Response one = house.login();
  const Response two = house.login();
  const Response out = house.with_token("POST", "/auth/logout", at(one, "access_token"));
  CHECK(out.status == 200);
  CHECK(out.body == R"({"logged_out":true})");
  CHECK(house.account_status(at(one, "access_token")) == 401);
  CHECK(house.refresh(at(one, "refresh_token")).status == 401);
  CHECK(house.account_status(at(two, "access_token")) == 200);
  CHECK(house.with_token("POST", "/auth/logout", at(one, "access_token")).status == 401);
  CHECK(house.ask("POST", "/auth/logout").status == 401);
}

TEST_CASE("revoke: either token of a login ends its session; text that is none is answered the same") {
  LoginHouse house;
  for (const char* which : {"access_token", "refresh_token"}) {
    const Response login = house.login();
    const Response revoked = house.revoke(at(login, which));
    CHECK(revoked.status == 200);
    CHECK(revoked.body == R"({"revoked":true})");
    CHECK(house.account_status(at(login, "access_token")) == 401);
    CHECK(house.refresh(at(login, "refresh_token")).status == 401);
    CHECK(house.revoke(at(login, which)).body == revoked.body);
  }
  CHECK(house.revoke("nonsense").status == 200);
  CHECK(house.ask("POST", "/auth/token/revoke", "{}").status == 422);
}

TEST_CASE("access token: it reads our own API as a key does") {
  LoginHouse house;
  const std::string token = at(house.login(), "access_token");
  CHECK(house.with_token("GET", "/v1/balance", token).body == house.balance("acme"));
  CHECK(house.with_token("GET", "/v1/balance", token + "x").status == 401);
}

TEST_CASE("another issuer's token works for the account that it names, and cannot be revoked here") {
  LoginHouse house;
  const std::string token =
      house.foreign.token(R"({"iss":"https://id.example","aud":"tally-api","sub":"acme","exp":99999999999})");
  CHECK(house.account_status(token) == 200);
  CHECK(house.with_token("GET", "/v1/balance", token).status == 200);
  CHECK(error_of(house.revoke(token)) == "unsupported_token");
  CHECK(house.with_token("POST", "/auth/logout", token).status == 401);
  const std::string nobody =
      house.foreign.token(R"({"iss":"https://id.example","aud":"tally-api","sub":"nobody","exp":99999999999})");
  CHECK(house.account_status(nobody) == 401);
  const std::string as_us = house.foreign.token(R"({"iss":"tally","aud":"tally","sub":"acme","exp":99999999999})");
  CHECK(house.account_status(as_us) == 401);
}

TEST_CASE("register: makes an account that can log in") {
  LoginHouse house;
  const Response made = house.ask("POST", "/auth/register", credentials_json("New@Example.com", "longenough"));
  REQUIRE(made.status == 201);
  CHECK(json_of(made).names == std::vector<std::string>{"user_id", "email", "account_id", "created_at"});
  CHECK(at(made, "email") == "New@Example.com");
  CHECK(at(made, "user_id") == "2");
  CHECK(house.login("longenough", "new@example.com").status == 200);
}

TEST_CASE("register: refuses e-mails that are taken, short passwords, and bodies that lack something") {
  LoginHouse house;
  const auto refused = [&](const std::string& body) {
    const Response response = house.ask("POST", "/auth/register", body);
    return std::to_string(response.status) + " " + error_of(response);
  };
  CHECK(refused(credentials_json("ANN@acme.example", "longenough")) == "409 email_taken");
  CHECK(refused(credentials_json("b@example.com", "1234567")) == "422 invalid_password");
  CHECK(refused(credentials_json("b@example.com", std::string(1025, 'x'))) == "422 invalid_password");
  CHECK(refused(credentials_json("b", "longenough")) == "422 invalid_email");
  CHECK(refused("{}") == "422 missing_email");
}

TEST_CASE("register: two at once for one e-mail make one account") {
  LoginHouse house;
  const auto first = house.send("POST", "/auth/register", credentials_json("new@example.com", "longenough"));
  const auto second = house.send("POST", "/auth/register", credentials_json("new@example.com", "different"));
  house.settle();
  CHECK(first->status == 201);
  CHECK(second->status == 409);
}

TEST_CASE("register: the same call under an Idempotency-Key makes one account and gets its answer again") {
  LoginHouse house;
  const auto send = [&](const std::string& with, const std::string& by = "new@example.com") {
    return house.ask("POST", "/auth/register", credentials_json(by, with), {{"idempotency-key", "signup-1"}});
  };
  const Response first = send("longenough");
  REQUIRE(first.status == 201);
  const Response again = send("longenough");
  CHECK(again.body == first.body);
  CHECK(replayed(again));
  const Response other = send("other password");
  CHECK(other.status == 422);
  CHECK(error_of(other) == "idempotency_key_reused");
  CHECK(send("longenough", "another@example.com").status == 201);
}

TEST_CASE("register: is refused where the operator did not turn sign-up on") {
  LoginHouse house;
  RichLogins closed(house.rich_parts(), Config::Auth{});
  Router router([](int status, std::string_view code, const Request&) { return rich_error(status, code, ""); });
  closed.add_to(router);
  Request request;
  request.method = "POST";
  request.target = request.path = "/auth/register";
  request.body = credentials_json("b@example.com", "longenough");
  Response response;
  router.route(std::move(request), Reply([&](Response&& answer) { response = std::move(answer); }));
  CHECK(response.status == 403);
  CHECK(error_of(response) == "signup_disabled");
}

}  // namespace tally::http::rich_logins_test

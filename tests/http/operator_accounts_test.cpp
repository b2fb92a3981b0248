#include "http/operator/accounts.h"

#include <doctest/doctest.h>

#include "tests/http/api_house.h"

namespace tally::http::operator_accounts_test {
namespace {

int login_status(ApiHouse& house, const std::string& email, const std::string& password) {
  return house.ask("POST", "/auth/login", R"({"email":")" + email + R"(","password":")" + password + "\"}").status;
}

std::string refused(const Response& response) {
  return std::to_string(response.status) + " " + code_of(response);
}

// Every byte of every row that the store has.
std::string all_bytes(const storage::Store& store) {
  std::string all;
  for (const storage::Table table : storage::all_tables) {
    REQUIRE(store.scan_all(table, AccountId(), [&](std::string_view, std::string_view key, std::string_view value) {
      all.append(key).append(value);
      return true;
    }));
  }
  return all;
}

}  // namespace

TEST_CASE("operator accounts: an account with a password can log in, and the password is never shown") {
  ApiHouse house;
  const Response made =
      house.as_operator("POST", "/accounts", R"({"id":"acme","email":"Ann@Acme.example","password":"correct horse"})");
  CHECK(made.status == 201);
  CHECK(made.body.find("correct horse") == std::string::npos);
  CHECK(made.body.find("password") == std::string::npos);
  CHECK(login_status(house, "ann@acme.example", "correct horse") == 200);
}

TEST_CASE("operator accounts: a password needs an e-mail that no other login has, and a sane length") {
  ApiHouse house;
  const auto create = [&](const std::string& id, const std::string& more) {
    return refused(house.as_operator("POST", "/accounts", R"({"id":")" + id + "\"," + more + "}"));
  };
  CHECK(create("a", R"("password":"correct horse")") == "422 invalid_email");
  CHECK(create("a", R"("email":"nonsense","password":"correct horse")") == "422 invalid_email");
  CHECK(create("a", R"("email":"a@b","password":"1234567")") == "422 invalid_password");
  CHECK(create("a", R"("email":"a@b","password":")" + std::string(1025, 'x') + "\"") == "422 invalid_password");
  CHECK(create("a", R"("email":"a@b","password":"correct horse")") == "201 ");
  CHECK(create("b", R"("email":"A@B","password":"correct horse")") == "409 email_taken");
  CHECK(create("b", R"("email":"A@B")") == "201 ");
  CHECK(refused(house.as_operator("PATCH", "/accounts/b", R"({"password":"correct horse"})")) == "409 email_taken");
  CHECK(refused(house.as_operator("PATCH", "/accounts/b", R"({"password":"1234567"})")) == "422 invalid_password");
  CHECK(refused(house.as_operator("PATCH", "/accounts/b", R"({"password":7})")) == "422 invalid_password");
}

TEST_CASE("operator accounts: an account that exists keeps its login when it is made again") {
  ApiHouse house;
  const std::string body = R"({"id":"acme","email":"a@b","password":"correct horse"})";
  CHECK(house.as_operator("POST", "/accounts", body).status == 201);
  CHECK(refused(house.as_operator("POST", "/accounts", R"({"id":"acme","email":"c@d","password":"another one"})")) ==
        "409 account_exists");
  CHECK(login_status(house, "a@b", "correct horse") == 200);
  CHECK(login_status(house, "c@d", "another one") == 401);
}

TEST_CASE("operator accounts: PATCH sets a password, moves the login with the e-mail, and takes it away") {
  ApiHouse house;
  house.as_operator("POST", "/accounts", R"({"id":"acme","email":"a@b"})");
  CHECK(login_status(house, "a@b", "correct horse") == 401);
  CHECK(house.as_operator("PATCH", "/accounts/acme", R"({"password":"correct horse"})").status == 200);
  CHECK(login_status(house, "a@b", "correct horse") == 200);
  CHECK(house.as_operator("PATCH", "/accounts/acme", R"({"email":"new@b","name":"Acme"})").status == 200);
  CHECK(login_status(house, "a@b", "correct horse") == 401);
  CHECK(login_status(house, "new@b", "correct horse") == 200);
  CHECK(refused(house.as_operator("PATCH", "/accounts/acme", R"({"email":""})")) == "422 invalid_email");
  CHECK(house.as_operator("PATCH", "/accounts/acme", R"({"email":"","password":null})").status == 200);
  CHECK(login_status(house, "new@b", "correct horse") == 401);
}

TEST_CASE("operator accounts: a new password ends what was open by the old one") {
  ApiHouse house;
  house.as_operator("POST", "/accounts", R"({"id":"acme","email":"a@b","password":"correct horse"})");
  const Response login = house.ask("POST", "/auth/login", R"({"email":"a@b","password":"correct horse"})");
  house.as_operator("PATCH", "/accounts/acme", R"({"password":"another one"})");
  CHECK(house.ask("POST", "/auth/refresh", R"({"refresh_token":")" + at(login, "refresh_token") + "\"}").status == 401);
  CHECK(login_status(house, "a@b", "correct horse") == 401);
  CHECK(login_status(house, "a@b", "another one") == 200);
}

TEST_CASE("operator accounts: neither the password nor an unkeyed digest of the call is in the store") {
  ApiHouse house;
  const std::string body = R"({"id":"acme","email":"a@b","password":"correct horse"})";
  REQUIRE(house.as_operator("POST", "/accounts", body, "make-acme").status == 201);
  const std::string bytes = all_bytes(house.store);
  CHECK(bytes.find("correct horse") == std::string::npos);
  Request request;
  request.method = "POST";
  request.target = "/operator/v1/accounts";
  request.headers = {{"idempotency-key", "make-acme"}};
  request.body = body;
  const Digest digest = call_key(request, CallSide::operator_side).value().digest;
  CHECK(bytes.find(std::string(reinterpret_cast<const char*>(digest.data()), digest.size())) == std::string::npos);
  CHECK(replayed(house.as_operator("POST", "/accounts", body, "make-acme")));
  CHECK(refused(house.as_operator("POST", "/accounts", R"({"id":"acme","email":"a@b","password":"correct horsf"})",
                                  "make-acme")) == "422 idempotency_key_reused");
}

}  // namespace tally::http::operator_accounts_test

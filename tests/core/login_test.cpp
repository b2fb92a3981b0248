#include "core/login.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace login_test {

using namespace tally;

namespace {

const UtcTime start = UtcTime::from_ms(1'770'000'000'000);

LoginFailures after(int failures) {
  LoginFailures wrong;
  for (int i = 0; i < failures; ++i) wrong.add(start);
  return wrong;
}

Login sample_login() {
  Login login;
  login.email = "a@example.com";
  login.password_hash = "$argon2id$…";
  login.failures = after(6);
  login.last_login_at = start;
  login.sessions = {SessionId("s1"), SessionId("s2")};
  return login;
}

Session sample_session() {
  return {SessionId("s1"), std::string("non\0ce", 6), 3, start, start + day_ms};
}

}  // namespace

TEST_CASE("login: an e-mail is found however its letters are written") {
  CHECK(email_key("Someone@Example.COM").value() == "someone@example.com");
  CHECK(email_key("o'neil+tag@sub.example.com").value() == "o'neil+tag@sub.example.com");
  CHECK(email_key("j\xc3\xbcrgen@example.com").value() == "j\xc3\xbcrgen@example.com");
}

TEST_CASE("login: what is no e-mail is refused by its own rule") {
  for (const char* text : {"", "@", "a@", "@b", "a", "a@b@c", "a b@c", "a@b\n", "a@\tb", "a@b\x7f"}) {
    CAPTURE(text);
    REQUIRE_FALSE(email_key(text));
    CHECK(email_key(text).error().rule == "invalid_email");
  }
  CHECK(email_key(std::string(252, 'a') + "@b").has_value());
  CHECK_FALSE(email_key(std::string(253, 'a') + "@b"));
}

TEST_CASE("login: a password has at least eight characters, however many bytes they take, and a bound") {
  CHECK_FALSE(check_password("1234567"));
  CHECK(check_password("12345678"));
  CHECK_FALSE(check_password("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"));  // eight bytes, four characters
  CHECK(check_password(std::string(1024, 'x')));
  CHECK_FALSE(check_password(std::string(1025, 'x')));
  CHECK(check_password("").error().rule == "invalid_password");
}

TEST_CASE("login: the fifth wrong password in a row locks for a minute, later ones for longer, at most an hour") {
  CHECK_FALSE(after(4).locked(start));
  CHECK(after(5).locked(start + minute_ms - 1));
  CHECK_FALSE(after(5).locked(start + minute_ms));
  CHECK(after(6).locked_until == start + 2 * minute_ms);
  CHECK(after(7).locked_until == start + 4 * minute_ms);
  CHECK(after(11).locked_until == start + hour_ms);
  CHECK(after(1000).locked_until == start + hour_ms);
}

TEST_CASE("login: the seconds left of a lock are rounded up") {
  CHECK(after(5).seconds_left(start) == 60);
  CHECK(after(5).seconds_left(start + 1) == 60);
  CHECK(after(5).seconds_left(start + minute_ms - 1) == 1);
}

TEST_CASE("login: wrong passwords are forgotten after a day without another") {
  LoginFailures wrong = after(4);
  wrong.add(start + day_ms - 1);
  CHECK(wrong.count == 5);
  wrong.add(start + 2 * day_ms);
  CHECK(wrong.count == 1);
  CHECK_FALSE(wrong.locked(start + 2 * day_ms));
}

TEST_CASE("session: a refresh makes the next token the good one, for the whole time again") {
  Session session = sample_session();
  CHECK(refresh(session, 3, start + hour_ms, 7 * day_ms) == RefreshOutcome::rotated);
  CHECK(session.generation == 4);
  CHECK(session.expires_at == start + hour_ms + 7 * day_ms);
  CHECK(session.opened_at == start);
}

TEST_CASE("session: a token that was used before is told as reused, however old") {
  for (const std::uint64_t generation : {1, 2}) {
    Session session = sample_session();
    CHECK(refresh(session, generation, start + 30 * day_ms, day_ms) == RefreshOutcome::reused);
  }
}

TEST_CASE("session: a token expires on time, and one of the future is unknown") {
  Session session = sample_session();
  CHECK(refresh(session, 3, start + day_ms, day_ms) == RefreshOutcome::expired);
  CHECK(refresh(session, 4, start, day_ms) == RefreshOutcome::unknown);
  CHECK(session.generation == 3);
}

TEST_CASE("login: stored logins and sessions are read back whole") {
  const auto login = decode_login(encode(sample_login()));
  REQUIRE(login.has_value());
  CHECK(login->email == "a@example.com");
  CHECK(login->password_hash == "$argon2id$…");
  CHECK(login->failures.count == 6);
  CHECK(login->failures.last_at == start);
  CHECK(login->failures.locked_until == start + 2 * minute_ms);
  CHECK(login->last_login_at == start);
  CHECK(login->sessions == std::vector{SessionId("s1"), SessionId("s2")});
  CHECK_FALSE(decode_login(encode(Login{})).value().last_login_at.has_value());

  const auto session = decode_session(encode(sample_session()));
  REQUIRE(session.has_value());
  CHECK(session->id == SessionId("s1"));
  CHECK(session->nonce == std::string("non\0ce", 6));
  CHECK(session->generation == 3);
  CHECK(session->opened_at == start);
  CHECK(session->expires_at == start + day_ms);
}

TEST_CASE("login: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(1);
  CHECK(refuses_prefixes_and_survives_noise(encode(sample_login()), random,
                                            [](const std::string& bytes) { return decode_login(bytes).has_value(); }));
  CHECK(refuses_prefixes_and_survives_noise(
      encode(sample_session()), random, [](const std::string& bytes) { return decode_session(bytes).has_value(); }));
}

}  // namespace login_test

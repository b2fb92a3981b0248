#include "storage/logins.h"

#include <doctest/doctest.h>

#include "storage/account_writer.h"
#include "storage/memory/memory_store.h"

namespace logins_test {

using namespace tally;
using namespace tally::storage;

namespace {

const UtcTime now = UtcTime::from_ms(1'770'000'000'000);
const AccountId acme("acme");
const AccountId other("other");

struct House {
  MemoryStore store;
  AccountWriter writer{store, {.shards = 2, .waiting_max = 1000, .threads = false}, [](const Error&) {}};
  Logins logins{store};

  // Runs `work` as a command of `account`.
  Result<void> run(const AccountId& account, Command work) {
    Result<void> result = fail(Errc::unavailable, "not done");
    writer.post(account, std::move(work), Durability::synced, [&](Result<void> done) { result = std::move(done); });
    while (writer.step()) {
    }
    return result;
  }
  Result<void> set_password(const AccountId& account, const std::string& email, const std::string& hash = "hash") {
    return run(account, [&, this](AccountTx& tx) -> Result<void> {
      const auto claim = logins.claim(account, email);
      if (!claim) return claim.error();
      return logins.set_password(tx, *claim, hash);
    });
  }
  Result<void> set_email(const AccountId& account, const std::string& email) {
    return run(account, [&, this](AccountTx& tx) -> Result<void> {
      const auto claim = logins.claim(account, email);
      if (!claim) return claim.error();
      return logins.set_email(tx, *claim);
    });
  }
  Result<void> open(const std::string& session, const std::string& hash = "hash") {
    return run(acme, [&, this](AccountTx& tx) {
      return logins.open_session(tx, hash, {SessionId(session), "nonce", 1, now, now + day_ms}, now);
    });
  }
  Logins::Refreshed refresh(const std::string& session, std::optional<std::uint64_t> generation, UtcTime at = now) {
    Logins::Refreshed refreshed;
    REQUIRE(run(acme, [&, this](AccountTx& tx) -> Result<void> {
      auto decided = logins.refresh(
          tx, SessionId(session), [&](const Session&) { return generation; }, at, day_ms);
      if (!decided) return decided.error();
      refreshed = std::move(*decided);
      return {};
    }));
    return refreshed;
  }
  bool is_open(const std::string& session) const {
    return logins.session(acme, SessionId(session)).value().has_value();
  }
};

}  // namespace

TEST_CASE("logins: an account is found by its e-mail once the password is committed, and after a restart") {
  House house;
  CHECK_FALSE(house.logins.find("a@b"));
  REQUIRE(house.set_password(acme, "a@b"));
  CHECK(house.logins.find("a@b") == acme);
  Logins again(house.store);
  REQUIRE(again.load());
  CHECK(again.find("a@b") == acme);
  CHECK(again.claim(other, "a@b").error().rule == "email_taken");
}

TEST_CASE("logins: an e-mail logs in to one account only, also while commands are on their way") {
  House house;
  const auto first = house.logins.claim(acme, "a@b");
  REQUIRE(first);
  CHECK(house.logins.claim(other, "a@b").error().rule == "email_taken");
  CHECK(house.logins.claim(acme, "a@b").has_value());
  CHECK_FALSE(house.logins.find("a@b"));
}

TEST_CASE("logins: an e-mail that a command did not get to keep is free again") {
  House house;
  {
    const auto claim = house.logins.claim(acme, "a@b");
    REQUIRE(claim);
  }
  CHECK(house.logins.claim(other, "a@b").has_value());
  REQUIRE_FALSE(house.run(acme, [&](AccountTx& tx) -> Result<void> {
    const auto claim = house.logins.claim(acme, "c@d");
    REQUIRE(house.logins.set_password(tx, *claim, "hash"));
    return fail(Errc::conflict, "changed its mind");
  }));
  CHECK_FALSE(house.logins.find("c@d"));
  CHECK(house.set_password(other, "c@d"));
}

TEST_CASE("logins: another e-mail takes the place of the one before, which is free then") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.set_email(acme, "new@b"));
  CHECK(house.logins.find("new@b") == acme);
  CHECK_FALSE(house.logins.find("a@b"));
  CHECK(house.set_password(other, "a@b"));
  CHECK(house.logins.login(acme).value()->password_hash == "hash");
}

TEST_CASE("logins: e-mails changed to and fro on the way to the disk end as the last command says") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  for (const char* email : {"x@b", "a@b"}) {
    house.writer.post(
        acme,
        [&house, email](AccountTx& tx) -> Result<void> {
          return house.logins.set_email(tx, house.logins.claim(acme, email).value());
        },
        Durability::synced, nullptr);
  }
  while (house.writer.step()) {
  }
  CHECK(house.logins.find("a@b") == acme);
  CHECK_FALSE(house.logins.find("x@b"));
}

TEST_CASE("logins: a login that is taken away leaves nothing to log in by") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.open("s1"));
  REQUIRE(house.run(acme, [&](AccountTx& tx) { return house.logins.remove(tx); }));
  CHECK_FALSE(house.logins.find("a@b"));
  CHECK_FALSE(house.logins.login(acme).value().has_value());
  CHECK_FALSE(house.is_open("s1"));
  CHECK(house.run(acme, [&](AccountTx& tx) { return house.logins.remove(tx); }));
}

TEST_CASE("logins: wrong passwords are counted and kept; a right one clears them and is remembered") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  for (int i = 0; i < 5; ++i) REQUIRE(house.run(acme, [&](AccountTx& tx) { return house.logins.fail_login(tx, now); }));
  CHECK(house.logins.login(acme).value()->failures.locked(now));
  REQUIRE(house.open("s1"));
  CHECK(house.logins.login(acme).value()->failures.count == 0);
  CHECK(house.logins.login(acme).value()->last_login_at == now);
}

TEST_CASE("logins: a password that was changed while it was checked opens nothing") {
  House house;
  REQUIRE(house.set_password(acme, "a@b", "new hash"));
  CHECK(house.open("s1", "old hash").error().code == Errc::conflict);
  CHECK_FALSE(house.is_open("s1"));
}

TEST_CASE("logins: a new password ends all sessions") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.open("s1"));
  REQUIRE(house.open("s2"));
  REQUIRE(house.set_password(acme, "a@b", "another"));
  CHECK_FALSE(house.is_open("s1"));
  CHECK_FALSE(house.is_open("s2"));
}

TEST_CASE("logins: of too many sessions the one that was opened first ends") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  for (std::size_t i = 0; i <= sessions_per_login_max; ++i) REQUIRE(house.open("s" + std::to_string(i)));
  CHECK_FALSE(house.is_open("s0"));
  CHECK(house.is_open("s1"));
  CHECK(house.logins.login(acme).value()->sessions.size() == sessions_per_login_max);
}

TEST_CASE("logins: each refresh token rotates once; a second use ends the session") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.open("s1"));
  const auto first = house.refresh("s1", 1);
  CHECK(first.outcome == RefreshOutcome::rotated);
  CHECK(first.session.generation == 2);
  CHECK(house.refresh("s1", 1).outcome == RefreshOutcome::reused);
  CHECK_FALSE(house.is_open("s1"));
  CHECK(house.refresh("s1", 2).outcome == RefreshOutcome::unknown);
  CHECK(house.logins.login(acme).value()->sessions.empty());
}

TEST_CASE("logins: of two refreshes that race for one commit only the first rotates") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.open("s1"));
  std::vector<RefreshOutcome> outcomes;
  for (int i = 0; i < 2; ++i) {
    house.writer.post(
        acme,
        [&](AccountTx& tx) -> Result<void> {
          const auto decided = house.logins.refresh(
              tx, SessionId("s1"), [](const Session&) { return std::optional<std::uint64_t>(1); }, now, day_ms);
          if (!decided) return decided.error();
          outcomes.push_back(decided->outcome);
          return {};
        },
        Durability::synced, nullptr);
  }
  while (house.writer.step()) {
  }
  CHECK(outcomes == std::vector{RefreshOutcome::rotated, RefreshOutcome::reused});
  CHECK_FALSE(house.is_open("s1"));
}

TEST_CASE("logins: a token that is not genuine changes nothing") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.open("s1"));
  CHECK(house.refresh("s1", std::nullopt).outcome == RefreshOutcome::unknown);
  CHECK(house.is_open("s1"));
  CHECK(house.refresh("s1", 1, now + day_ms).outcome == RefreshOutcome::expired);
  CHECK_FALSE(house.is_open("s1"));
}

TEST_CASE("logins: sessions are ended one by one, and twice is as good as once") {
  House house;
  REQUIRE(house.set_password(acme, "a@b"));
  REQUIRE(house.open("s1"));
  REQUIRE(house.open("s2"));
  for (int i = 0; i < 2; ++i)
    CHECK(house.run(acme, [&](AccountTx& tx) { return house.logins.end_session(tx, SessionId("s1")); }));
  CHECK_FALSE(house.is_open("s1"));
  CHECK(house.is_open("s2"));
}

TEST_CASE("logins: a wrong password of nobody is written too") {
  House house;
  for (int i = 0; i < 2; ++i)
    CHECK(house.run(system_account(), [&](AccountTx& tx) { return house.logins.fail_unknown(tx); }));
  Logins again(house.store);
  CHECK(again.load());
}

}  // namespace logins_test

#include "core/account.h"

#include <doctest/doctest.h>

#include "core/manual.h"
#include "tests/core/garbage.h"

namespace account_test {

using namespace tally;

namespace {

const UtcTime t0 = UtcTime::parse("2026-02-03T12:00:00Z").value();

Account full_account() {
  Account account;
  account.id = AccountId("acme");
  account.name = "Acme, Inc.";
  account.email = "billing@example.com";
  account.user_id = 1ull << 53;
  account.billing_id = "B-1";
  account.currency = "EUR";
  account.overdraft_limit = Credits::from_micros(5);
  account.low_balance_thresholds = {Credits::from_micros(100), Credits::from_micros(1)};
  account.subscription.plan = "pro";
  account.subscription.monthly_allocation = Credits::from_micros(1'000'000);
  account.subscription.unlimited = true;
  account.subscription.rollover = true;
  account.subscription.rollover_cap = Credits::from_micros(7);
  account.webhook = {"whsec_a", "whsec_b", t0 + 1};
  account.created_at = t0;
  return account;
}

ApiKey full_key() {
  ApiKey key;
  key.id = KeyId("key_1");
  key.account = AccountId("acme");
  key.kind = KeyKind::pair;
  key.status = KeyStatus::disabled;
  key.name = "ci";
  key.identity = "ident";
  key.scopes = {Scope::reports, Scope::calls};
  key.allowed_ips = {Cidr::parse("10.0.0.0/8").value(), Cidr::parse("2001:db8::/32").value()};
  key.limits.per_minute = 60;
  key.limits.per_day = 0;
  key.key_hash = std::string("\0\1\2", 3);
  key.secret_hash = "s";
  key.created_at = t0;
  key.expires_at = t0 + day_ms;
  return key;
}

}  // namespace

TEST_CASE("account: a stored account is read back whole") {
  const Account account = full_account();
  const auto decoded = decode_account(encode(account));
  REQUIRE(decoded);
  CHECK(decoded->id == account.id);
  CHECK(decoded->name == account.name);
  CHECK(decoded->email == account.email);
  CHECK(decoded->user_id == account.user_id);
  CHECK(decoded->billing_id == "B-1");
  CHECK(decoded->currency == "EUR");
  CHECK(decoded->overdraft_limit == account.overdraft_limit);
  CHECK(decoded->low_balance_thresholds == account.low_balance_thresholds);
  CHECK(decoded->subscription.plan == "pro");
  CHECK(decoded->subscription.monthly_allocation == account.subscription.monthly_allocation);
  CHECK(decoded->subscription.unlimited);
  CHECK(decoded->subscription.rollover);
  CHECK(decoded->subscription.rollover_cap == account.subscription.rollover_cap);
  CHECK(decoded->webhook.current == "whsec_a");
  CHECK(decoded->webhook.previous == "whsec_b");
  CHECK(decoded->webhook.previous_until == t0 + 1);
  CHECK(decoded->created_at == t0);
}

TEST_CASE("account: absent values stay absent") {
  const auto decoded = decode_account(encode(Account()));
  REQUIRE(decoded);
  CHECK(decoded->subscription.plan == "TOPUP");
  CHECK_FALSE(decoded->subscription.monthly_allocation);
  CHECK_FALSE(decoded->subscription.rollover_cap);
  CHECK(decoded->low_balance_thresholds.empty());
  const auto key = decode_api_key(encode(ApiKey()));
  REQUIRE(key);
  CHECK(key->limits.none());
  CHECK_FALSE(key->expires_at);
}

TEST_CASE("account: a stored key is read back whole") {
  const ApiKey key = full_key();
  const auto decoded = decode_api_key(encode(key));
  REQUIRE(decoded);
  CHECK(decoded->id == key.id);
  CHECK(decoded->account == key.account);
  CHECK(decoded->kind == KeyKind::pair);
  CHECK(decoded->status == KeyStatus::disabled);
  CHECK(decoded->name == "ci");
  CHECK(decoded->identity == "ident");
  CHECK(decoded->scopes == key.scopes);
  REQUIRE(decoded->allowed_ips.size() == 2);
  CHECK(decoded->allowed_ips[0].to_string() == "10.0.0.0/8");
  CHECK(decoded->allowed_ips[1].to_string() == "2001:db8::/32");
  CHECK(decoded->limits == key.limits);
  CHECK(decoded->key_hash == key.key_hash);
  CHECK(decoded->secret_hash == "s");
  CHECK(decoded->created_at == t0);
  CHECK(decoded->expires_at == t0 + day_ms);
}

TEST_CASE("account: a newer row's version is corrupt, not guessed at") {
  std::string account = encode(full_account());
  account[0] = 2;
  CHECK(decode_account(account).error().code == Errc::corrupt);
  std::string key = encode(full_key());
  key[0] = 2;
  CHECK(decode_api_key(key).error().code == Errc::corrupt);
}

TEST_CASE("account: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(8);
  CHECK(refuses_prefixes_and_survives_noise(encode(full_account()), random, [](const std::string& bytes) {
    const auto account = decode_account(bytes);
    if (!account) CHECK(account.error().code == Errc::corrupt);
    return account.has_value();
  }));
  CHECK(refuses_prefixes_and_survives_noise(encode(full_key()), random, [](const std::string& bytes) {
    const auto key = decode_api_key(bytes);
    if (!key) CHECK(key.error().code == Errc::corrupt);
    if (key) (void)key->allows(IpAddress());
    return key.has_value();
  }));
}

TEST_CASE("account: a key without ranges works from anywhere, one with ranges from these only") {
  ApiKey key;
  CHECK(key.allows(IpAddress::parse("203.0.113.1").value()));
  key = full_key();
  CHECK(key.allows(IpAddress::parse("10.9.8.7").value()));
  CHECK(key.allows(IpAddress::parse("2001:db8::5").value()));
  CHECK_FALSE(key.allows(IpAddress::parse("11.0.0.1").value()));
  CHECK_FALSE(key.allows(IpAddress::parse("2001:db9::5").value()));
}

TEST_CASE("account: kinds and states have words") {
  CHECK(to_string(KeyKind::pair) == "pair");
  CHECK(to_string(KeyKind::token) == "token");
  CHECK(to_string(KeyStatus::active) == "active");
  CHECK(to_string(KeyStatus::disabled) == "disabled");
  CHECK(to_string(KeyStatus::revoked) == "revoked");
}

}  // namespace account_test

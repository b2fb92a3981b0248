// Accounts, their subscriptions and their API keys, as they are stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/credits.h"
#include "core/ids.h"
#include "core/ledger_terms.h"
#include "core/net.h"
#include "core/rate_limit.h"
#include "core/time.h"

namespace tally {

struct Subscription {
  std::string plan = "TOPUP";
  std::optional<Credits> monthly_allocation;
  bool unlimited = false;
  bool rollover = false;
  std::optional<Credits> rollover_cap;
};

// Secrets that sign `callback_url` deliveries: "whsec_" and base64. The previous one stays valid until
// `previous_until`.
struct WebhookSecrets {
  std::string current;
  std::string previous;
  UtcTime previous_until;
};

struct Account {
  AccountId id;
  std::string name;
  std::string email;
  std::uint64_t user_id = 0;  // the integer that some dialects show; unique, never reused
  std::string billing_id;
  std::string currency = "USD";
  Credits overdraft_limit;
  std::vector<Credits> low_balance_thresholds;
  Subscription subscription;
  AutoReload reload;
  WebhookSecrets webhook;
  UtcTime created_at;
};

LedgerTerms ledger_terms(const Account& account);

enum class KeyKind : std::uint8_t { pair = 1, token };
enum class KeyStatus : std::uint8_t { active = 1, disabled, revoked };
std::string_view to_string(KeyKind kind) noexcept;
std::string_view to_string(KeyStatus status) noexcept;

// What a key may be used for. account: to read the account's balance, ledger, usage and prices; reports: to submit and
// read reports; webhooks: to manage webhooks and their secrets; calls: the API that the gateway protects (authorize).
enum class Scope : std::uint8_t { account = 1, reports, webhooks, calls };
std::string_view to_string(Scope scope) noexcept;
Result<Scope> parse_scope(std::string_view word);

struct ApiKey {
  KeyId id;
  AccountId account;
  KeyKind kind = KeyKind::token;
  KeyStatus status = KeyStatus::active;
  std::string name;
  std::string identity;           // shown to customers in place of the id
  std::vector<Scope> scopes;      // empty: all of them
  std::vector<Cidr> allowed_ips;  // empty: from anywhere
  RateLimits limits;
  std::string key_hash;     // keyed hash of the whole key text
  std::string secret_hash;  // empty for a token
  UtcTime created_at;
  std::optional<UtcTime> expires_at;

  bool allows(const IpAddress& address) const noexcept;
  bool allows(Scope scope) const noexcept;
};

// Stored bytes. The first byte is the row's version; a newer one is Errc::corrupt.
std::string encode(const Account& account);
Result<Account> decode_account(std::string_view bytes);
std::string encode(const ApiKey& key);
Result<ApiKey> decode_api_key(std::string_view bytes);

}  // namespace tally

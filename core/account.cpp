#include "core/account.h"

#include <algorithm>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t account_version = 1;
constexpr std::uint8_t api_key_version = 1;

void write_limit(Encoder& out, std::optional<std::uint32_t> limit) {
  write_optional(out, limit, [](Encoder& o, std::uint32_t v) { o.u64(v); });
}

std::optional<std::uint32_t> read_limit(Decoder& in) {
  return read_optional(in, read_u32);
}

void write_cidr(Encoder& out, const Cidr& cidr) {
  for (const std::uint8_t byte : cidr.base.bytes()) out.u8(byte);
  out.u8(static_cast<std::uint8_t>(cidr.prefix_bits));
}

Cidr read_cidr(Decoder& in) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = in.u8();
  const std::uint8_t bits = in.u8();
  if (bits > 128) in.reject();
  return in.ok() ? Cidr{IpAddress::from_v6(bytes), bits} : Cidr{};
}

void write_reload(Encoder& out, const AutoReload& reload) {
  out.boolean(reload.enabled);
  write_credits(out, reload.threshold);
  write_credits(out, reload.amount);
  write_optional(out, reload.daily_cap, write_credits);
}

AutoReload read_reload(Decoder& in) {
  AutoReload reload;
  reload.enabled = in.boolean();
  reload.threshold = read_credits(in);
  reload.amount = read_credits(in);
  reload.daily_cap = read_optional(in, read_credits);
  return reload;
}

void write_subscription(Encoder& out, const Subscription& subscription) {
  out.text(subscription.plan);
  write_optional(out, subscription.monthly_allocation, write_credits);
  out.boolean(subscription.unlimited);
  out.boolean(subscription.rollover);
  write_optional(out, subscription.rollover_cap, write_credits);
}

Subscription read_subscription(Decoder& in) {
  Subscription subscription;
  subscription.plan = in.text();
  subscription.monthly_allocation = read_optional(in, read_credits);
  subscription.unlimited = in.boolean();
  subscription.rollover = in.boolean();
  subscription.rollover_cap = read_optional(in, read_credits);
  return subscription;
}

}  // namespace

std::string_view to_string(KeyKind kind) noexcept {
  switch (kind) {
    case KeyKind::pair:
      return "pair";
    case KeyKind::token:
      return "token";
  }
  return "unknown";
}

std::string_view to_string(KeyStatus status) noexcept {
  switch (status) {
    case KeyStatus::active:
      return "active";
    case KeyStatus::disabled:
      return "disabled";
    case KeyStatus::revoked:
      return "revoked";
  }
  return "unknown";
}

std::string_view to_string(Scope scope) noexcept {
  switch (scope) {
    case Scope::account:
      return "account";
    case Scope::reports:
      return "reports";
    case Scope::webhooks:
      return "webhooks";
    case Scope::calls:
      return "calls";
  }
  return "unknown";
}

Result<Scope> parse_scope(std::string_view word) {
  for (const Scope scope : {Scope::account, Scope::reports, Scope::webhooks, Scope::calls}) {
    if (word == to_string(scope)) return scope;
  }
  return fail(Errc::invalid_argument, "must be account, reports, webhooks or calls", "invalid_scope");
}

bool ApiKey::allows(Scope scope) const noexcept {
  return scopes.empty() || std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

bool ApiKey::allows(const IpAddress& address) const noexcept {
  return allowed_ips.empty() || std::any_of(allowed_ips.begin(), allowed_ips.end(),
                                            [&](const Cidr& range) { return range.contains(address); });
}

LedgerTerms ledger_terms(const Account& account) {
  const Subscription& subscription = account.subscription;
  return {account.overdraft_limit, subscription.unlimited,    subscription.monthly_allocation,
          subscription.rollover,   subscription.rollover_cap, account.low_balance_thresholds,
          account.reload};
}

std::string encode(const Account& account) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(account_version);
  out.text(account.id.str());
  out.text(account.name);
  out.text(account.email);
  out.u64(account.user_id);
  out.text(account.billing_id);
  out.text(account.currency);
  write_credits(out, account.overdraft_limit);
  out.u64(account.low_balance_thresholds.size());
  for (const Credits threshold : account.low_balance_thresholds) write_credits(out, threshold);
  write_subscription(out, account.subscription);
  write_reload(out, account.reload);
  out.text(account.webhook.current);
  out.text(account.webhook.previous);
  write_time(out, account.webhook.previous_until);
  write_time(out, account.created_at);
  return bytes;
}

Result<Account> decode_account(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != account_version) in.reject();
  Account account;
  account.id = AccountId(read_string(in));
  account.name = in.text();
  account.email = in.text();
  account.user_id = in.u64();
  account.billing_id = in.text();
  account.currency = in.text();
  account.overdraft_limit = read_credits(in);
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) {
    account.low_balance_thresholds.push_back(read_credits(in));
  }
  account.subscription = read_subscription(in);
  account.reload = read_reload(in);
  account.webhook.current = in.text();
  account.webhook.previous = in.text();
  account.webhook.previous_until = read_time(in);
  account.created_at = read_time(in);
  if (!in.done()) return fail(Errc::corrupt, "an account row cannot be read");
  return account;
}

std::string encode(const ApiKey& key) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(api_key_version);
  out.text(key.id.str());
  out.text(key.account.str());
  write_enum(out, key.kind);
  write_enum(out, key.status);
  out.text(key.name);
  out.text(key.identity);
  out.u64(key.scopes.size());
  for (const Scope scope : key.scopes) write_enum(out, scope);
  out.u64(key.allowed_ips.size());
  for (const Cidr& range : key.allowed_ips) write_cidr(out, range);
  write_limit(out, key.limits.per_second);
  write_limit(out, key.limits.per_minute);
  write_limit(out, key.limits.per_hour);
  write_limit(out, key.limits.per_day);
  out.text(key.key_hash);
  out.text(key.secret_hash);
  write_time(out, key.created_at);
  write_optional(out, key.expires_at, write_time);
  return bytes;
}

Result<ApiKey> decode_api_key(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != api_key_version) in.reject();
  ApiKey key;
  key.id = KeyId(read_string(in));
  key.account = AccountId(read_string(in));
  key.kind = read_enum(in, KeyKind::token);
  key.status = read_enum(in, KeyStatus::revoked);
  key.name = in.text();
  key.identity = in.text();
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) key.scopes.push_back(read_enum(in, Scope::calls));
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) key.allowed_ips.push_back(read_cidr(in));
  key.limits.per_second = read_limit(in);
  key.limits.per_minute = read_limit(in);
  key.limits.per_hour = read_limit(in);
  key.limits.per_day = read_limit(in);
  key.key_hash = in.text();
  key.secret_hash = in.text();
  key.created_at = read_time(in);
  key.expires_at = read_optional(in, read_time);
  if (!in.done()) return fail(Errc::corrupt, "an API key row cannot be read");
  return key;
}

}  // namespace tally

// Accounts and keys on the wire: what a body may say and what an answer shows.
#pragma once

#include <string>

#include "core/account.h"
#include "http/json.h"

namespace tally::http {

enum class Secrets : std::uint8_t { hidden, shown };

// The fields of an account that a PATCH may change too; absent ones stay. Errors go to `in`.
void read_account_fields(JsonReader& in, Account& account);
void read_subscription(JsonReader& in, Subscription& subscription);
void read_auto_reload(JsonReader& in, AutoReload& reload);
// name, scopes, allowed_ips, limits, expires_at, status.
void read_key_fields(JsonReader& in, ApiKey& key);

// Secrets shown: with `webhook_secret`.
std::string account_json(const Account& account, Secrets secrets);
std::string subscription_json(const Subscription& subscription);
std::string auto_reload_json(const AutoReload& reload);
// `key` and `secret` only where they are given: in the answer that creates them.
std::string key_json(const ApiKey& record, const std::string& key = {}, const std::string& secret = {});

}  // namespace tally::http

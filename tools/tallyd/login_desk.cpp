#include "tools/tallyd/login_desk.h"

#include <algorithm>

#include "tools/tallyd/secret_file.h"

namespace tally::tools {
namespace {

constexpr std::size_t seed_bytes = 32;

// The bytes that hex digits spell; empty if they are none.
std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    int value = 0;
    for (const char digit : hex.substr(i, 2)) {
      const std::size_t place = std::string_view("0123456789abcdef").find(digit);
      if (place == std::string_view::npos) return {};
      value = value * 16 + static_cast<int>(place);
    }
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

// A hash takes a core and 64 MiB: one worker is always left for others.
http::PasswordLimits limits_for(const Config& config) {
  http::PasswordLimits limits;
  limits.at_once_max = std::max<std::size_t>(1, config.workers - 1);
  return limits;
}

}  // namespace

Result<std::unique_ptr<LoginDesk>> LoginDesk::open(const Config& config, const std::string& hash_key, Parts parts) {
  const std::string path = config.data + "/jwt.key";
  const auto seed = read_or_make_secret_file(path, [&] { return parts.random.hex(seed_bytes); });
  if (!seed) return seed.error();
  auto key = http::SigningKey::ed25519_private(bytes_of_hex(*seed));
  if (!key) return fail(Errc::invalid_argument, path + ": must be 64 hex digits; without the file a new key is made");
  http::Credentials& credentials = parts.credentials;
  auto desk = std::unique_ptr<LoginDesk>(new LoginDesk(config, hash_key, std::move(*key), std::move(parts)));
  if (auto loaded = desk->issuers_.load(); !loaded) return loaded.error();
  credentials.set_login_reader([&tokens = desk->login_tokens_](std::string_view token, UtcTime now) {
    auto caller = tokens.read(token, now);
    return caller ? Result<AccountId>(std::move(caller->account)) : Result<AccountId>(caller.error());
  });
  return desk;
}

LoginDesk::LoginDesk(const Config& config, const std::string& hash_key, http::SigningKey key, Parts parts)
    : passwords_(http::PasswordCost{}, limits_for(config), parts.elsewhere),
      refresh_tokens_(hash_key),
      issuers_(config.jwt_issuers, parts.clock, read_secret_file,
               [&log = parts.log](const std::string& detail) {
                 log.error("jwt.key_set_unusable", {{"detail", detail}});
               }),
      login_tokens_(std::move(key), parts.logins, issuers_, config.auth.access_ttl_seconds),
      logins_({parts.directory, parts.logins, parts.writer, parts.idempotency, passwords_, refresh_tokens_,
               login_tokens_, parts.clock, parts.random, parts.make_webhook_secret},
              config.auth),
      account_(
          {parts.credentials, login_tokens_, parts.logins, parts.meter, parts.ledgers, parts.clock, parts.elsewhere}) {}

void LoginDesk::add_to(http::Router& router) {
  logins_.add_to(router);
  account_.add_to(router);
}

}  // namespace tally::tools

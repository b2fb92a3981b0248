#include "http/credentials.h"

#include <sodium/crypto_generichash.h>
#include <sodium/crypto_secretbox.h>
#include <sodium/utils.h>

#include <algorithm>

namespace tally::http {

namespace {

constexpr std::string_view key_prefix = "tly_";
constexpr std::size_t public_id_digits = 24;
constexpr std::size_t secret_bytes = 24;

// "tly_<24 digits>_<secret>" names the record "key_<24 digits>".
std::optional<KeyId> id_in(std::string_view key) {
  if (!key.starts_with(key_prefix)) return std::nullopt;
  key.remove_prefix(key_prefix.size());
  if (key.size() <= public_id_digits + 1 || key[public_id_digits] != '_') return std::nullopt;
  return KeyId("key_" + std::string(key.substr(0, public_id_digits)));
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Credentials::Credentials(storage::Directory& directory, Clock& clock, Random& random, std::string hash_key,
                         std::vector<Cidr> trusted_proxies)
    : directory_(directory),
      clock_(clock),
      random_(random),
      hash_key_(std::move(hash_key)),
      trusted_proxies_(std::move(trusted_proxies)) {}

std::string Credentials::hash(std::string_view text) const {
  std::string digest(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     reinterpret_cast<const unsigned char*>(hash_key_.data()), hash_key_.size());
  return digest;
}

bool Credentials::matches(std::string_view presented, std::string_view expected) const {
  const std::string a = hash(presented);
  const std::string b = hash(expected);
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

namespace {

constexpr std::string_view sealing_purpose = "tally sealed text";
static_assert(crypto_secretbox_KEYBYTES == crypto_generichash_BYTES);

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string Credentials::seal(std::string_view text) const {
  const std::string key = hash(sealing_purpose);
  std::string sealed(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + text.size(), '\0');
  random_.fill({bytes_of(sealed), crypto_secretbox_NONCEBYTES});
  crypto_secretbox_easy(bytes_of(sealed) + crypto_secretbox_NONCEBYTES, bytes_of(text), text.size(), bytes_of(sealed),
                        bytes_of(std::string_view(key)));
  return sealed;
}

Result<std::string> Credentials::unseal(std::string_view sealed) const {
  if (sealed.size() < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
    return fail(Errc::corrupt, "a sealed text is too short");
  const std::string key = hash(sealing_purpose);
  const std::string_view box = sealed.substr(crypto_secretbox_NONCEBYTES);
  std::string text(box.size() - crypto_secretbox_MACBYTES, '\0');
  if (crypto_secretbox_open_easy(bytes_of(text), bytes_of(box), box.size(), bytes_of(sealed),
                                 bytes_of(std::string_view(key))) != 0)
    return fail(Errc::corrupt, "a sealed text was made with another hash key");
  return text;
}

IssuedKey Credentials::issue(KeyKind kind) const {
  IssuedKey issued;
  const std::string digits = random_.hex(public_id_digits / 2);
  issued.key = std::string(key_prefix) + digits + "_" + random_.hex(secret_bytes);
  issued.record.id = KeyId("key_" + digits);
  issued.record.identity = random_.hex(10);
  issued.record.kind = kind;
  issued.record.key_hash = hash(issued.key);
  issued.record.created_at = clock_.now();
  if (kind == KeyKind::pair) {
    issued.secret = "tls_" + random_.hex(secret_bytes);
    issued.record.secret_hash = hash(issued.secret);
  }
  return issued;
}

IpAddress Credentials::client_address(const Request& request) const {
  const auto trusted = [&](const IpAddress& address) {
    return std::any_of(trusted_proxies_.begin(), trusted_proxies_.end(),
                       [&](const Cidr& range) { return range.contains(address); });
  };
  IpAddress client = request.peer;
  if (!trusted(client)) return client;
  std::vector<std::string_view> hops;
  for (const auto& [name, value] : request.headers) {
    if (name != "x-forwarded-for") continue;
    std::string_view rest = value;
    while (true) {
      const std::size_t comma = rest.find(',');
      hops.push_back(trim(rest.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto address = IpAddress::parse(*hop);
    if (!address) break;  // whoever wrote this is not to be believed further
    client = *address;
    if (!trusted(client)) break;
  }
  return client;
}

RateState Credentials::take(const ApiKey& key, const RateLimits& limits) {
  if (limits.none()) return {};
  Windows& windows = windows_[std::hash<KeyId>{}(key.id) % windows_.size()];
  const std::lock_guard lock(windows.mutex);
  return windows.by_key[key.id].take(limits, clock_.now());
}

std::variant<Caller, Refusal> Credentials::check(const Request& request, const Presented& presented,
                                                 bool secret_required, const RateLimits& default_limits) {
  const auto refuse = [](Refused why) { return Refusal{why, {}}; };
  if (!presented.key || presented.key->empty()) return refuse(Refused::missing_key);
  const auto id = id_in(*presented.key);
  auto key = id ? directory_.key(*id) : nullptr;
  if (!key || key->status == KeyStatus::revoked) return refuse(Refused::unknown_key);
  const std::string key_hash = hash(*presented.key);
  if (key->key_hash.size() != key_hash.size() ||
      sodium_memcmp(key_hash.data(), key->key_hash.data(), key_hash.size()) != 0) {
    return refuse(Refused::unknown_key);
  }
  if (key->kind == KeyKind::pair || secret_required) {
    if (!presented.secret || presented.secret->empty()) return refuse(Refused::missing_secret);
    const std::string secret_hash = hash(*presented.secret);
    if (key->secret_hash.size() != secret_hash.size() ||
        sodium_memcmp(secret_hash.data(), key->secret_hash.data(), secret_hash.size()) != 0) {
      return refuse(Refused::wrong_secret);
    }
  }
  if (key->status != KeyStatus::active) return refuse(Refused::disabled);
  if (key->expires_at && *key->expires_at <= clock_.now()) return refuse(Refused::expired);
  if (!key->allowed_ips.empty() && !key->allows(client_address(request))) return refuse(Refused::wrong_address);
  auto account = directory_.account(key->account);
  if (!account) return refuse(Refused::unknown_key);
  const RateState rate = take(*key, key->limits.none() ? default_limits : key->limits);
  if (!rate.allowed) return Refusal{Refused::rate_limited, rate};
  return Caller{std::move(key), std::move(account), rate};
}

Presented presented_in_headers(const Request& request) {
  Presented presented{request.header("x-api-key"), request.header("x-api-secret")};
  if (presented.key) return presented;
  const auto authorization = request.header("authorization");
  constexpr std::string_view scheme = "bearer ";
  if (authorization && authorization->size() > scheme.size() &&
      std::equal(scheme.begin(), scheme.end(), authorization->begin(),
                 [](char a, char b) { return a == (b | 0x20); })) {
    presented.key = trim(authorization->substr(scheme.size()));
  }
  return presented;
}

void add_rate_headers(Response& response, const RateState& rate) {
  if (rate.limit == 0) return;
  const std::string limit = std::to_string(rate.limit);
  const std::string remaining = std::to_string(rate.remaining);
  response.headers.emplace_back("RateLimit-Limit", limit);
  response.headers.emplace_back("RateLimit-Remaining", remaining);
  response.headers.emplace_back("RateLimit-Reset", std::to_string(rate.reset_seconds));
  response.headers.emplace_back("X-RateLimit-Limit", limit);
  response.headers.emplace_back("X-RateLimit-Remaining", remaining);
  response.headers.emplace_back("X-RateLimit-Reset", std::to_string(rate.reset_at.seconds()));
  if (!rate.allowed) response.headers.emplace_back("Retry-After", std::to_string(rate.reset_seconds));
}

}  // namespace tally::http

#include "http/credentials.h"

#include <sodium/crypto_generichash.h>
#include <sodium/crypto_secretbox.h>
#include <sodium/utils.h>

#include <algorithm>

#include "http/header_check.h"

namespace tally::http {

namespace {

// "<prefix><id>_<secret>" names the record "key_<id>".
struct KeyShape {
  KeyFormat format;
  std::string_view prefix;
  std::size_t id_size;
  std::size_t secret_size;
};
constexpr KeyShape key_shapes[] = {{KeyFormat::tally, "tly_", 24, 48}, {KeyFormat::ru_v2, "ru_v2_", 12, 32}};
constexpr std::size_t pair_secret_bytes = 24;

std::optional<KeyId> id_in(std::string_view key) {
  for (const KeyShape& shape : key_shapes) {
    if (!key.starts_with(shape.prefix)) continue;
    key.remove_prefix(shape.prefix.size());
    if (key.size() <= shape.id_size + 1 || key[shape.id_size] != '_') return std::nullopt;
    return KeyId("key_" + std::string(key.substr(0, shape.id_size)));
  }
  return std::nullopt;
}

// `size` letters and digits: five bits each, so that twelve of them are still rare enough to be an id.
std::string random_word(Random& random, std::size_t size) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz234567";
  std::string word;
  while (word.size() < size) word.push_back(letters[random.below(letters.size())]);
  return word;
}

}  // namespace

Credentials::Credentials(storage::Directory& directory, storage::CallLimits& limits, Clock& clock, Random& random,
                         std::string hash_key, std::vector<Cidr> trusted_proxies)
    : directory_(directory),
      limits_(limits),
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

IssuedKey Credentials::issue(KeyKind kind, KeyFormat format) const {
  const KeyShape& shape = *std::find_if(std::begin(key_shapes), std::end(key_shapes),
                                        [&](const KeyShape& candidate) { return candidate.format == format; });
  const bool words = format == KeyFormat::ru_v2;
  const std::string id = words ? random_word(random_, shape.id_size) : random_.hex(shape.id_size / 2);
  const std::string tail = words ? random_word(random_, shape.secret_size) : random_.hex(shape.secret_size / 2);
  IssuedKey issued;
  issued.key = std::string(shape.prefix) + id + "_" + tail;
  issued.record.id = KeyId("key_" + id);
  issued.record.identity = random_.hex(10);
  issued.record.kind = kind;
  issued.record.key_hash = hash(issued.key);
  issued.record.created_at = clock_.now();
  if (kind == KeyKind::pair) {
    issued.secret = "tls_" + random_.hex(pair_secret_bytes);
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

std::variant<storage::Directory::KeyPtr, Refused> Credentials::recognise(const Presented& presented,
                                                                         bool secret_required) const {
  const auto same = [](const std::string& a, const std::string& b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
  };
  if (!presented.key || presented.key->empty()) return Refused::missing_key;
  const auto id = id_in(*presented.key);
  auto key = id ? directory_.key(*id) : nullptr;
  if (!key || key->status == KeyStatus::revoked || !same(hash(*presented.key), key->key_hash))
    return Refused::unknown_key;
  if (key->kind == KeyKind::pair || secret_required) {
    if (!presented.secret || presented.secret->empty()) return Refused::missing_secret;
    if (!same(hash(*presented.secret), key->secret_hash)) return Refused::wrong_secret;
  }
  return key;
}

std::optional<Refused> Credentials::judge(const ApiKey& key, const IpAddress& client, Scope scope) const {
  if (key.status == KeyStatus::revoked) return Refused::unknown_key;
  if (key.status != KeyStatus::active) return Refused::disabled;
  if (key.expires_at && *key.expires_at <= clock_.now()) return Refused::expired;
  if (!key.allows(client)) return Refused::wrong_address;
  if (!key.allows(scope)) return Refused::wrong_scope;
  return std::nullopt;
}

std::variant<Caller, Refusal> Credentials::admit(storage::Directory::KeyPtr key, const Request& request,
                                                 const Demand& demand) {
  // Finding the client's address behind proxies costs something, and few keys are locked to one.
  const IpAddress client = key->allowed_ips.empty() ? IpAddress() : client_address(request);
  if (const auto why = judge(*key, client, demand.scope)) return Refusal{*why, {}};
  auto account = directory_.account(key->account);
  if (!account) return Refusal{Refused::unknown_key, {}};
  const RateState rate = limits_.take(key->account, key->id, key->limits.none() ? demand.default_limits : key->limits);
  if (!rate.allowed) return Refusal{Refused::rate_limited, rate};
  return Caller{std::move(key), std::move(account), rate};
}

std::variant<Caller, Refusal> Credentials::check(const Request& request, const Presented& presented,
                                                 const Demand& demand) {
  auto recognised = recognise(presented, demand.secret_required);
  if (const auto* why = std::get_if<Refused>(&recognised)) return Refusal{*why, {}};
  return admit(std::get<storage::Directory::KeyPtr>(std::move(recognised)), request, demand);
}

std::variant<Caller, Refusal> Credentials::check_key(const Request& request, const KeyId& id, const Demand& demand) {
  auto key = directory_.key(id);
  if (!key) return Refusal{Refused::unknown_key, {}};
  return admit(std::move(key), request, demand);
}

std::variant<Caller, Refusal> Credentials::check_login(const AccountId& id, const Demand& demand) {
  auto account = directory_.account(id);
  if (!account) return Refusal{Refused::unknown_key, {}};
  const RateState rate = limits_.take(id, KeyId("login_" + id.str()), demand.default_limits);
  if (!rate.allowed) return Refusal{Refused::rate_limited, rate};
  return Caller{nullptr, std::move(account), rate};
}

std::variant<Caller, Refusal> Credentials::check_any(const Request& request, const Demand& demand) {
  if (const auto key = request.header("x-api-key"))
    return check(request, Presented{key, request.header("x-api-secret")}, demand);
  if (const auto bearer = bearer_in(request)) {
    if (!login_reader_ || id_in(*bearer))
      return check(request, Presented{bearer, request.header("x-api-secret")}, demand);
    const auto account = login_reader_(*bearer, clock_.now());
    return account ? check_login(*account, demand) : Refusal{Refused::unknown_key, {}};
  }
  if (const auto token = request.header("accesstoken"); token && access_token_reader_) {
    const auto key = access_token_reader_(*token, clock_.now());
    return key ? check_key(request, *key, demand) : Refusal{Refused::unknown_key, {}};
  }
  return Refusal{Refused::missing_key, {}};
}

std::optional<std::string_view> bearer_in(const Request& request) {
  const auto authorization = request.header("authorization");
  constexpr std::string_view scheme = "bearer ";
  if (!authorization || authorization->size() <= scheme.size() ||
      !std::equal(scheme.begin(), scheme.end(), authorization->begin(),
                  [](char a, char b) { return a == (b | 0x20); })) {
    return std::nullopt;
  }
  return trim(authorization->substr(scheme.size()));
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

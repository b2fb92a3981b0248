#include "http/jwt.h"

#include <algorithm>

#include "core/credits.h"
#include "http/base64url.h"
#include "http/json_writer.h"
#include "storage/digest.h"

namespace tally::http {
namespace {

Error invalid(const char* why) {
  return fail(Errc::invalid_argument, why, "invalid_token");
}

// A member that is text; null if there is none.
const std::string* text_of(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.find(name);
  return value && value->kind == JsonValue::Kind::string ? &value->text : nullptr;
}

std::optional<JsonValue> object_in(std::string_view part) {
  auto json = decode_base64url(part);
  if (!json) return std::nullopt;
  auto value = parse_json(std::move(*json));
  if (!value || value->kind != JsonValue::Kind::object) return std::nullopt;
  return std::move(*value);
}

// "application/at+jwt" and "AT+JWT" are "at+jwt".
std::string plain_type(std::string_view type) {
  std::string plain(type);
  for (char& c : plain) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  constexpr std::string_view prefix = "application/";
  return plain.starts_with(prefix) ? plain.substr(prefix.size()) : plain;
}

// A NumericDate: seconds, which may have a fraction. Read as a decimal, as credits are, it loses nothing.
std::optional<UtcTime> numeric_date(const JsonValue& value) {
  if (value.kind != JsonValue::Kind::number) return std::nullopt;
  const auto seconds = json_credits(value.text);
  if (!seconds || seconds->negative()) return std::nullopt;
  return std::min(UtcTime::from_ms(seconds->micros() / 1'000), utc_time_max);
}

bool names_audience(const JsonValue* value, std::string_view audience) {
  if (!value) return false;
  if (value->kind == JsonValue::Kind::string) return value->text == audience;
  if (value->kind != JsonValue::Kind::array) return false;
  const bool all_text = std::all_of(value->items.begin(), value->items.end(),
                                    [](const JsonValue& item) { return item.kind == JsonValue::Kind::string; });
  return all_text && std::any_of(value->items.begin(), value->items.end(),
                                 [&](const JsonValue& item) { return item.text == audience; });
}

// What a JWK is for: its own word must be ours, or missing.
bool is_for(const JsonValue& jwk, JwtAlgorithm algorithm) {
  const JsonValue* use = jwk.find("use");
  if (use && use->text != "sig") return false;
  const JsonValue* named = jwk.find("alg");
  if (named && named->text != to_string(algorithm)) return false;
  const JsonValue* operations = jwk.find("key_ops");
  return !operations || std::any_of(operations->items.begin(), operations->items.end(),
                                    [](const JsonValue& item) { return item.text == "verify"; });
}

std::optional<JwtAlgorithm> algorithm_of(const JsonValue& jwk) {
  const std::string* type = text_of(jwk, "kty");
  const std::string* curve = text_of(jwk, "crv");
  if (!type) return std::nullopt;
  if (*type == "OKP" && curve && *curve == "Ed25519") return JwtAlgorithm::eddsa;
  if (*type == "EC" && curve && *curve == "P-256") return JwtAlgorithm::es256;
  if (*type == "RSA") return JwtAlgorithm::rs256;
  if (*type == "oct") return JwtAlgorithm::hs256;
  return std::nullopt;
}

Result<SigningKey> key_of(const JsonValue& jwk, JwtAlgorithm algorithm) {
  bool readable = true;
  const auto part = [&](std::string_view name) {
    const std::string* text = text_of(jwk, name);
    auto bytes = text ? decode_base64url(*text) : std::nullopt;
    if (!bytes) readable = false;
    return bytes.value_or("");
  };
  const auto made = [&]() -> Result<SigningKey> {
    switch (algorithm) {
      case JwtAlgorithm::eddsa:
        return SigningKey::ed25519_public(part("x"));
      case JwtAlgorithm::es256:
        return SigningKey::p256_public(part("x"), part("y"));
      case JwtAlgorithm::rs256:
        return SigningKey::rsa_public(part("n"), part("e"));
      case JwtAlgorithm::hs256:
        return SigningKey::hmac(part("k"));
    }
    return fail(Errc::invalid_argument, "is of no algorithm");
  }();
  if (!readable) return fail(Errc::invalid_argument, "lacks a part, or has one that is no base64url");
  return made;
}

}  // namespace

Result<JwtKeySet> JwtKeySet::parse(std::string text) {
  if (text.size() > jwk_set_bytes_max) return fail(Errc::invalid_argument, "the key set is too large");
  const auto set = parse_json(std::move(text));
  if (!set) return fail(Errc::invalid_argument, "the key set is no JSON: " + set.error().detail);
  const JsonValue* list = set->find("keys");
  if (!list || list->kind != JsonValue::Kind::array) return fail(Errc::invalid_argument, "a key set has \"keys\"");
  if (list->items.size() > jwk_set_keys_max) return fail(Errc::invalid_argument, "the key set has too many keys");
  JwtKeySet keys;
  for (const JsonValue& jwk : list->items) {
    if (jwk.kind != JsonValue::Kind::object) return fail(Errc::invalid_argument, "a key is no object");
    const std::string* id = text_of(jwk, "kid");
    const auto algorithm = algorithm_of(jwk);
    if (!id || !algorithm || !is_for(jwk, *algorithm)) continue;
    if (keys.find(*id)) return fail(Errc::invalid_argument, "two keys have the kid \"" + *id + "\"");
    auto key = key_of(jwk, *algorithm);
    if (!key) return fail(Errc::invalid_argument, "the key \"" + *id + "\": " + key.error().detail);
    keys.keys_.push_back({*id, std::move(*key)});
  }
  return keys;
}

const SigningKey* JwtKeySet::find(std::string_view id) const noexcept {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const NamedKey& key) { return key.id == id; });
  return found == keys_.end() ? nullptr : &found->key;
}

Result<Jwt> Jwt::parse(std::string_view text) {
  if (text.size() > jwt_bytes_max) return invalid("the token is too large");
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos)
    return invalid("a token has three parts");
  auto header = object_in(text.substr(0, first));
  auto claims = object_in(text.substr(first + 1, second - first - 1));
  auto signature = decode_base64url(text.substr(second + 1));
  if (!header || !claims || !signature) return invalid("a part of the token cannot be read");
  Jwt jwt;
  jwt.signed_part_ = text.substr(0, second);
  jwt.signature_ = std::move(*signature);
  jwt.header_ = std::move(*header);
  jwt.claims_ = std::move(*claims);
  return jwt;
}

std::string_view Jwt::claimed_issuer() const noexcept {
  return text_claim("iss");
}

std::string_view Jwt::text_claim(std::string_view name) const noexcept {
  const std::string* text = text_of(claims_, name);
  return text ? std::string_view(*text) : std::string_view();
}

Result<void> Jwt::verify_signature(const JwtKeySet& keys, const std::vector<std::string_view>& types) const {
  const std::string* type = text_of(header_, "typ");
  if (!type || std::find(types.begin(), types.end(), plain_type(*type)) == types.end())
    return invalid("the token is of another type");
  if (header_.find("crit")) return invalid("the token asks for an extension");
  const std::string* id = text_of(header_, "kid");
  const SigningKey* key = id ? keys.find(*id) : nullptr;
  if (!key) return invalid("the token names no known key");
  const std::string* algorithm = text_of(header_, "alg");
  if (!algorithm || *algorithm != to_string(key->algorithm())) return invalid("the key is for another algorithm");
  if (!key->verifies(signed_part_, signature_)) return invalid("the signature is wrong");
  return {};
}

Result<void> Jwt::verify_times(UtcTime now) const {
  for (const std::string_view name : {"nbf", "iat"}) {
    const JsonValue* value = claims_.find(name);
    if (!value) continue;
    const auto time = numeric_date(*value);
    if (!time || *time > now + jwt_clock_skew_ms) return invalid("the token is not valid yet");
  }
  const JsonValue* value = claims_.find("exp");
  const auto expires_at = value ? numeric_date(*value) : std::nullopt;
  if (!expires_at) return invalid("the token does not say when it expires");
  if (now >= *expires_at) return fail(Errc::invalid_argument, "the token has expired", "token_expired");
  return {};
}

Result<void> Jwt::verify(const JwtKeySet& keys, const Expected& expected, UtcTime now) const {
  if (auto good = verify_signature(keys, expected.types); !good) return good;
  if (claimed_issuer().empty() || claimed_issuer() != expected.issuer) return invalid("the token is of another issuer");
  if (!names_audience(claims_.find("aud"), expected.audience)) return invalid("the token is for another audience");
  if (text_claim("sub").empty()) return invalid("the token names nobody");
  return verify_times(now);
}

std::string sign_jwt(const NamedKey& key, std::string_view type, std::string_view claims) {
  std::string header;
  JsonWriter(header)
      .begin_object()
      .field("alg", to_string(key.key.algorithm()))
      .field("kid", key.id)
      .field("typ", type)
      .end_object();
  const std::string signed_part = base64url(header) + "." + base64url(claims);
  return signed_part + "." + base64url(key.key.sign(signed_part));
}

std::string thumbprint(const SigningKey& key) {
  const Digest digest =
      storage::sha256(R"({"crv":"Ed25519","kty":"OKP","x":")" + base64url(key.public_bytes()) + "\"}");
  return base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace tally::http

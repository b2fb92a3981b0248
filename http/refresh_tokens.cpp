#include "http/refresh_tokens.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

#include <charconv>

#include "http/base64url.h"

namespace tally::http {
namespace {

constexpr std::string_view prefix = "trt_";
constexpr std::string_view purpose = "tally refresh tokens";
constexpr std::size_t token_bytes_max = 512;

std::string keyed_hash(std::string_view key, std::string_view text) {
  std::string digest(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     reinterpret_cast<const unsigned char*>(key.data()), key.size());
  return digest;
}

// Cuts off and gives what stands before the next dot.
std::string_view next_part(std::string_view& rest) {
  const std::size_t dot = std::min(rest.find('.'), rest.size());
  const std::string_view part = rest.substr(0, dot);
  rest.remove_prefix(std::min(dot + 1, rest.size()));
  return part;
}

}  // namespace

std::optional<RefreshToken> parse_refresh_token(std::string_view text) {
  if (text.size() > token_bytes_max || !text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  RefreshToken token;
  auto account = parse_account_id(next_part(text));
  token.session = SessionId(std::string(next_part(text)));
  const std::string_view generation = next_part(text);
  const auto [end, error] = std::from_chars(generation.data(), generation.data() + generation.size(), token.generation);
  auto proof = decode_base64url(text);
  if (!account || token.session.empty() || error != std::errc() || end != generation.data() + generation.size() ||
      !proof || proof->size() != crypto_generichash_BYTES) {
    return std::nullopt;
  }
  token.account = std::move(*account);
  token.proof = std::move(*proof);
  return token;
}

RefreshTokens::RefreshTokens(std::string_view key) : key_(keyed_hash(purpose, key)) {}

std::string RefreshTokens::proof(const AccountId& account, const Session& session, std::uint64_t generation) const {
  // No part holds a zero byte but the nonce, which comes last.
  std::string text = account.str();
  text.append(1, '\0').append(session.id.str()).append(1, '\0').append(std::to_string(generation));
  text.append(1, '\0').append(session.nonce);
  return keyed_hash(key_, text);
}

std::string RefreshTokens::issue(const AccountId& account, const Session& session) const {
  return std::string(prefix) + account.str() + "." + session.id.str() + "." + std::to_string(session.generation) + "." +
         base64url(proof(account, session, session.generation));
}

std::optional<std::uint64_t> RefreshTokens::generation_of(const RefreshToken& token, const Session& session) const {
  const std::string expected = proof(token.account, session, token.generation);
  if (token.session != session.id || sodium_memcmp(expected.data(), token.proof.data(), expected.size()) != 0)
    return std::nullopt;
  return token.generation;
}

}  // namespace tally::http

// A token is read without trouble whatever its bytes are, and believed only if the key signed exactly these bytes; a
// key set is read without trouble too.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/base64url.h"
#include "http/jwt.h"
#include "http/refresh_tokens.h"

namespace {

using namespace tally;
using namespace tally::http;

void require(bool holds) {
  if (!holds) std::abort();
}

const NamedKey& key() {
  static const NamedKey named{"k", SigningKey::ed25519_private(std::string(32, 'k')).value()};
  return named;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const JwtKeySet keys({key()});
  const UtcTime now = UtcTime::from_ms(1'770'000'000'000);
  const Jwt::Expected expected{"i", "a", {"jwt"}};

  if (const auto token = Jwt::parse(text)) {
    if (token->verify(keys, expected, now)) {
      const std::string_view signed_part = std::string_view(text).substr(0, text.rfind('.'));
      require(base64url(key().key.sign(signed_part)) == text.substr(signed_part.size() + 1));
    }
  }
  // The same bytes as claims that are signed: what is believed says what is required.
  if (const auto token = Jwt::parse(sign_jwt(key(), "JWT", text))) {
    if (token->verify(keys, expected, now)) {
      require(token->text_claim("iss") == "i" && !token->text_claim("sub").empty());
      require(text.find("exp") != std::string::npos || text.find("\\u") != std::string::npos);
    }
  }
  if (const auto bytes = decode_base64url(text)) require(base64url(*bytes) == text);
  static_cast<void>(JwtKeySet::parse(text));
  if (const auto token = parse_refresh_token(text)) require(!token->account.empty());
  return 0;
}

#include "http/jwt.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "http/base64url.h"
#include "tests/http/jwt_maker.h"

namespace tally::http::jwt_test {
namespace {

const UtcTime now = UtcTime::from_ms(1'770'000'000'000);
const Jwt::Expected expected{"https://id.example", "tally", {"jwt", "at+jwt"}};
const char* const good_claims =
    R"({"iss":"https://id.example","aud":"tally","sub":"acme","iat":1769999999,"nbf":1769999999,"exp":1770000900})";

// Why the token is not believed; empty if it is.
std::string refusal(std::string_view token, const JwtKeySet& keys, UtcTime at = now) {
  const auto parsed = Jwt::parse(token);
  const Result<void> believed = parsed ? parsed->verify(keys, expected, at) : Result<void>(parsed.error());
  if (believed) return "";
  CHECK(believed.error().code == Errc::invalid_argument);
  return believed.error().rule;
}

const JwtMaker& ed() {
  static const JwtMaker maker(MakerKind::ed25519, "ed");
  return maker;
}
const JwtMaker& ec() {
  static const JwtMaker maker(MakerKind::p256, "ec");
  return maker;
}
const JwtMaker& rsa() {
  static const JwtMaker maker(MakerKind::rsa2048, "rsa");
  return maker;
}
const JwtMaker& shared() {
  static const JwtMaker maker(MakerKind::hmac, "shared");
  return maker;
}
const JwtKeySet& all_keys() {
  static const JwtKeySet keys =
      JwtKeySet::parse(key_set(ed().jwk() + "," + ec().jwk() + "," + rsa().jwk() + "," + shared().jwk())).value();
  return keys;
}

std::string with_claims(const std::string& claims) {
  return refusal(ed().token(claims), all_keys());
}
std::string with_header(const std::string& header) {
  return refusal(ed().token(header, good_claims), all_keys());
}

}  // namespace

TEST_CASE("jwt: a good token of each algorithm is believed") {
  REQUIRE(all_keys().size() == 4);
  for (const JwtMaker* maker : {&ed(), &ec(), &rsa(), &shared()}) {
    CAPTURE(maker->algorithm());
    CHECK(refusal(maker->token(good_claims), all_keys()) == "");
    CHECK(Jwt::parse(maker->token(good_claims)).value().text_claim("sub") == "acme");
  }
}

TEST_CASE("jwt: the key decides the algorithm, whatever the header says") {
  for (const JwtMaker* key : {&ed(), &ec(), &rsa(), &shared()}) {
    for (const char* algorithm :
         {"EdDSA", "ES256", "RS256", "HS256", "none", "None", "NONE", "", "PS256", "RS512", "rs256"}) {
      if (key->algorithm() == algorithm) continue;
      const std::string header =
          std::string(R"({"alg":")") + algorithm + R"(","kid":")" + key->kid() + R"(","typ":"JWT"})";
      CAPTURE(header);
      CHECK(refusal(key->token(header, good_claims), all_keys()) == "invalid_token");
    }
  }
}

TEST_CASE("jwt: a token without a signature is never believed") {
  const std::string header = base64url(R"({"alg":"none","kid":"ed","typ":"JWT"})");
  CHECK(refusal(header + "." + base64url(good_claims) + ".", all_keys()) == "invalid_token");
  const std::string unsigned_part = base64url(ed().header()) + "." + base64url(good_claims);
  CHECK(refusal(unsigned_part + ".", all_keys()) == "invalid_token");
  CHECK(refusal(unsigned_part, all_keys()) == "invalid_token");
}

TEST_CASE("jwt: an RSA key is no secret for HMAC, though everybody knows it") {
  // The classic confusion: HS256 under the kid of a public key, whatever the text that was used as a secret.
  const std::string header = R"({"alg":"HS256","kid":"rsa","typ":"JWT"})";
  CHECK(refusal(shared().token(header, good_claims), all_keys()) == "invalid_token");
}

TEST_CASE("jwt: a key that the token brings along is not used") {
  const JwtMaker stranger(MakerKind::ed25519, "stranger");
  const std::string jwk = R"({"alg":"EdDSA","kid":"stranger","typ":"JWT","jwk":)" + stranger.jwk() + "}";
  CHECK(refusal(stranger.token(jwk, good_claims), all_keys()) == "invalid_token");
  const std::string jku = R"({"alg":"EdDSA","kid":"ed","typ":"JWT","jku":"https://evil.example"})";
  CHECK(refusal(stranger.token(jku, good_claims), all_keys()) == "invalid_token");
}

TEST_CASE("jwt: the kid is looked up exactly") {
  for (const char* kid : {"", "Ed", "ed ", "e", "../ed", "ed' OR '1'='1", "rsa"}) {
    CAPTURE(kid);
    CHECK(with_header(std::string(R"({"alg":"EdDSA","typ":"JWT","kid":")") + kid + "\"}") == "invalid_token");
  }
  CHECK(with_header(R"({"alg":"EdDSA","typ":"JWT"})") == "invalid_token");
  CHECK(with_header(R"({"alg":"EdDSA","typ":"JWT","kid":null})") == "invalid_token");
  CHECK(with_header(R"({"alg":"EdDSA","typ":"JWT","kid":["ed"]})") == "invalid_token");
}

TEST_CASE("jwt: the type is required and one of those expected, in any letters") {
  for (const char* type : {"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"}) {
    CAPTURE(type);
    CHECK(with_header(std::string(R"({"alg":"EdDSA","kid":"ed","typ":")") + type + "\"}") == "");
  }
  for (const char* type : {"", "JWS", "secevent+jwt", "dpop+jwt", "text/jwt"}) {
    CAPTURE(type);
    CHECK(with_header(std::string(R"({"alg":"EdDSA","kid":"ed","typ":")") + type + "\"}") == "invalid_token");
  }
  CHECK(with_header(R"({"alg":"EdDSA","kid":"ed"})") == "invalid_token");
  CHECK(with_header(R"({"alg":"EdDSA","kid":"ed","typ":1})") == "invalid_token");
}

TEST_CASE("jwt: an extension that must be understood is refused, and so is an empty or odd list of them") {
  for (const char* critical : {R"(["exp"])", R"(["b64"])", "[]", "null", "\"b64\""}) {
    CAPTURE(critical);
    CHECK(with_header(std::string(R"({"alg":"EdDSA","kid":"ed","typ":"JWT","b64":true,"crit":)") + critical + "}") ==
          "invalid_token");
  }
}

TEST_CASE("jwt: nothing may be said twice, in the header or in the claims") {
  CHECK(with_header(R"({"alg":"none","alg":"EdDSA","kid":"ed","typ":"JWT"})") == "invalid_token");
  CHECK(with_header(R"({"alg":"EdDSA","kid":"no","kid":"ed","typ":"JWT"})") == "invalid_token");
  CHECK(with_claims(R"({"iss":"https://id.example","aud":"tally","sub":"victim","sub":"acme","exp":1770000900})") ==
        "invalid_token");
}

TEST_CASE("jwt: header and claims are JSON objects") {
  for (const char* text : {"", "[]", "null", "\"x\"", "1", "{", "{}x", "\xff", "{\"a\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK(with_header(text) == "invalid_token");
    CHECK(with_claims(text) == "invalid_token");
  }
}

TEST_CASE("jwt: the issuer is the one expected") {
  for (const char* issuer :
       {"\"https://id.example/\"", "\"https://ID.example\"", "\"\"", "null", "1", "[\"https://id.example\"]"}) {
    CAPTURE(issuer);
    CHECK(with_claims(std::string(R"({"aud":"tally","sub":"acme","exp":1770000900,"iss":)") + issuer + "}") ==
          "invalid_token");
  }
  CHECK(with_claims(R"({"aud":"tally","sub":"acme","exp":1770000900})") == "invalid_token");
}

TEST_CASE("jwt: the audience holds ours, as text or in a list of texts") {
  const auto with_audience = [](const std::string& audience) {
    return with_claims(R"({"iss":"https://id.example","sub":"acme","exp":1770000900,"aud":)" + audience + "}");
  };
  CHECK(with_audience("\"tally\"") == "");
  CHECK(with_audience(R"(["other","tally"])") == "");
  for (const char* audience : {"\"other\"", "\"\"", "[]", "null", "{\"tally\":1}", R"(["other"])", R"([["tally"]])",
                               R"(["tally",1])", "\"tally,other\"", "\"Tally\""}) {
    CAPTURE(audience);
    CHECK(with_audience(audience) == "invalid_token");
  }
  CHECK(with_claims(R"({"iss":"https://id.example","sub":"acme","exp":1770000900})") == "invalid_token");
}

TEST_CASE("jwt: somebody is named") {
  for (const char* subject : {"\"\"", "null", "1"}) {
    CAPTURE(subject);
    CHECK(with_claims(std::string(R"({"iss":"https://id.example","aud":"tally","exp":1770000900,"sub":)") + subject +
                      "}") == "invalid_token");
  }
}

TEST_CASE("jwt: a token ends at the moment it says, and one that is too old is told apart") {
  const auto with_exp = [](const std::string& exp) {
    return with_claims(R"({"iss":"https://id.example","aud":"tally","sub":"acme","exp":)" + exp + "}");
  };
  CHECK(with_exp("1770000001") == "");
  CHECK(with_exp("1770000000.5") == "");
  CHECK(with_exp("1.7700009e9") == "");
  CHECK(with_exp("99999999999") == "");
  CHECK(with_exp("1770000000") == "token_expired");
  CHECK(with_exp("1769999999.999") == "token_expired");
  CHECK(with_exp("0") == "token_expired");
  for (const char* exp : {"\"1770000900\"", "null", "-1", "1e300", "true", "[1770000900]"}) {
    CAPTURE(exp);
    CHECK(with_exp(exp) == "invalid_token");
  }
  CHECK(with_claims(R"({"iss":"https://id.example","aud":"tally","sub":"acme"})") == "invalid_token");
}

TEST_CASE("jwt: an expired token with a wrong signature is just wrong") {
  const std::string token = ed().token(good_claims);
  CHECK(refusal(token, all_keys(), now + hour_ms) == "token_expired");
  CHECK(refusal(token.substr(0, token.size() - 4) + "AAAA", all_keys(), now + hour_ms) == "invalid_token");
}

TEST_CASE("jwt: a token is not used before its time, but for a clock that is a little ahead") {
  for (const char* name : {"nbf", "iat"}) {
    const auto with_time = [&](const std::string& value) {
      return with_claims(R"({"iss":"https://id.example","aud":"tally","sub":"acme","exp":1770000900,")" +
                         std::string(name) + "\":" + value + "}");
    };
    CAPTURE(name);
    CHECK(with_time("1770000005") == "");
    CHECK(with_time("1770000006") == "invalid_token");
    CHECK(with_time("\"1\"") == "invalid_token");
    CHECK(with_time("null") == "invalid_token");
  }
}

TEST_CASE("jwt: base64url is strict: no padding, no blanks, no other alphabet, no stray bits") {
  const std::string token = ed().token(good_claims);
  const std::size_t dot = token.find('.');
  CHECK(refusal(token + "=", all_keys()) == "invalid_token");
  CHECK(refusal(token + "\n", all_keys()) == "invalid_token");
  CHECK(refusal(" " + token, all_keys()) == "invalid_token");
  CHECK(refusal(token.substr(0, dot) + "=" + token.substr(dot), all_keys()) == "invalid_token");
  CHECK(refusal(token.substr(0, dot) + "%" + token.substr(dot), all_keys()) == "invalid_token");
  // 64 bytes of signature end in a letter of which two bits count; the other four must be zero.
  for (const char last : {'B', 'h', 'x', '-', '_'}) {
    std::string stray = token;
    if (decode_base64url(stray.substr(stray.rfind('.') + 1, 85) + last)) continue;
    stray.back() = last;
    CHECK(refusal(stray, all_keys()) == "invalid_token");
  }
}

TEST_CASE("jwt: a changed letter anywhere is noticed") {
  const std::string token = ed().token(good_claims);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK(refusal(changed, all_keys()) == "invalid_token");
  }
}

TEST_CASE("jwt: signatures have exactly the size of their algorithm") {
  for (const JwtMaker* maker : {&ed(), &ec(), &rsa(), &shared()}) {
    const std::string text = base64url(maker->header()) + "." + base64url(good_claims);
    const std::string signature = maker->signature(text);
    CAPTURE(maker->algorithm());
    for (const std::string& wrong : {signature + '\0', '\0' + signature, signature.substr(1),
                                     signature.substr(0, signature.size() - 1), signature + signature, std::string()}) {
      CHECK(refusal(text + "." + base64url(wrong), all_keys()) == "invalid_token");
    }
  }
}

TEST_CASE("jwt: an ECDSA signature of zeros, or in DER, is none") {
  const std::string text = base64url(ec().header()) + "." + base64url(good_claims);
  CHECK(refusal(text + "." + base64url(std::string(64, '\0')), all_keys()) == "invalid_token");
  CHECK(refusal(text + "." + base64url(std::string(64, '\xff')), all_keys()) == "invalid_token");
}

TEST_CASE("jwt: tokens have a bound") {
  const std::string claims = R"({"iss":"https://id.example","aud":"tally","sub":"acme","exp":1770000900,"x":")";
  CHECK(with_claims(claims + std::string(4'000, 'x') + "\"}") == "");
  CHECK(with_claims(claims + std::string(7'000, 'x') + "\"}") == "invalid_token");
}

TEST_CASE("jwt: what is no token is refused") {
  for (const char* text : {"", ".", "..", "...", "a.b.c", "a.b", "tly_key", "e30.e30.e30", "e30.e30."}) {
    CAPTURE(text);
    CHECK(refusal(text, all_keys()) == "invalid_token");
  }
  const std::string token = ed().token(good_claims);
  CHECK(refusal(token + ".e30", all_keys()) == "invalid_token");
}

TEST_CASE("jwt: what this server signs it believes, and others can check") {
  const auto key = SigningKey::ed25519_private(std::string(32, 'k')).value();
  const NamedKey named{thumbprint(key), key};
  const std::string token = sign_jwt(named, "at+jwt", good_claims);
  CHECK(refusal(token, JwtKeySet({named})) == "");
  const std::string jwk =
      R"({"kty":"OKP","crv":"Ed25519","kid":")" + named.id + R"(","x":")" + base64url(key.public_bytes()) + "\"}";
  CHECK(refusal(token, JwtKeySet::parse(key_set(jwk)).value()) == "");
  CHECK(refusal(token, all_keys()) == "invalid_token");
}

TEST_CASE("jwt: a thumbprint is that of RFC 8037, appendix A.3") {
  const auto x = decode_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  CHECK(thumbprint(SigningKey::ed25519_public(*x).value()) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST_CASE("base64url: what is written is read back, and nothing else is read") {
  for (std::size_t size = 0; size < 10; ++size) {
    const std::string bytes = std::string("\xff\x00\xfe\x7f\x80\x01\xaa\x55\x3e\x3f", 10).substr(0, size);
    CHECK(decode_base64url(base64url(bytes)) == bytes);
  }
  CHECK(base64url("\xfb\xff") == "-_8");
  for (const char* text : {"A", "AAAAA", "AB", "AAB", "A===", "AA==", "A A", "+/8", "AA\n"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64url(text));
  }
}

}  // namespace tally::http::jwt_test

#include "http/jwt_issuers.h"

#include <algorithm>

namespace tally::http {
namespace {

constexpr std::int64_t look_again_ns = 1'000'000'000;

}  // namespace

struct JwtIssuers::Issuer {
  explicit Issuer(Config::JwtIssuer configured) : settings(std::move(configured)) {}
  const Config::JwtIssuer settings;
  std::mutex mutex;
  MonoTime looked_at;
  std::string text;  // of the file, as it was read last
  std::shared_ptr<const JwtKeySet> keys;

  // Takes the keys of `read` if it is another text. An error leaves them as they were, and is told once.
  Result<void> take(const Result<std::string>& read) {
    const std::string now = read ? *read : std::string();
    if (keys && now == text) return {};
    text = now;
    if (!read) return fail(Errc::invalid_argument, settings.jwks_file + ": " + read.error().detail);
    auto parsed = JwtKeySet::parse(now);
    if (!parsed) return fail(Errc::invalid_argument, settings.jwks_file + ": " + parsed.error().detail);
    keys = std::make_shared<const JwtKeySet>(std::move(*parsed));
    return {};
  }
};

JwtIssuers::JwtIssuers(const std::vector<Config::JwtIssuer>& issuers, const Clock& clock, ReadFile read_file,
                       Complain complain)
    : clock_(clock), read_file_(std::move(read_file)), complain_(std::move(complain)) {
  for (const Config::JwtIssuer& one : issuers) issuers_.push_back(std::make_unique<Issuer>(one));
}

JwtIssuers::~JwtIssuers() = default;

Result<void> JwtIssuers::load() {
  for (const auto& issuer : issuers_) {
    const std::lock_guard lock(issuer->mutex);
    if (auto taken = issuer->take(read_file_(issuer->settings.jwks_file)); !taken) return taken;
    issuer->looked_at = clock_.mono();
  }
  return {};
}

bool JwtIssuers::knows(std::string_view issuer) const noexcept {
  return std::any_of(issuers_.begin(), issuers_.end(), [&](const auto& one) { return one->settings.issuer == issuer; });
}

std::shared_ptr<const JwtKeySet> JwtIssuers::keys_of(Issuer& issuer) {
  const std::lock_guard lock(issuer.mutex);
  const MonoTime now = clock_.mono();
  if (now.ns - issuer.looked_at.ns >= look_again_ns) {
    issuer.looked_at = now;
    if (auto taken = issuer.take(read_file_(issuer.settings.jwks_file)); !taken) complain_(taken.error().detail);
  }
  return issuer.keys;
}

Result<std::string> JwtIssuers::subject(const Jwt& token, UtcTime now) {
  const std::string_view name = token.claimed_issuer();
  for (const auto& issuer : issuers_) {
    if (issuer->settings.issuer != name) continue;
    const Jwt::Expected expected{name, issuer->settings.audience, {"jwt", "at+jwt"}};
    if (auto good = token.verify(*keys_of(*issuer), expected, now); !good) return good.error();
    return std::string(token.text_claim("sub"));
  }
  return fail(Errc::invalid_argument, "the token is of another issuer", "invalid_token");
}

}  // namespace tally::http

// Refresh tokens: `trt_<account>.<session>.<generation>.<43 letters>`. The letters are a keyed hash of the rest and the
// session's nonce, so a token's whole history can be told from a guess, and the store keeps nothing that opens a
// session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ids.h"
#include "core/login.h"

namespace tally::http {

// A token taken apart; nothing in it is believed yet.
struct RefreshToken {
  AccountId account;
  SessionId session;
  std::uint64_t generation = 0;
  std::string proof;
};
std::optional<RefreshToken> parse_refresh_token(std::string_view text);

// Thread-safe.
class RefreshTokens {
 public:
  // `key` is kept outside the store, and used for other purposes too.
  explicit RefreshTokens(std::string_view key);

  // The one that is good for the session now.
  std::string issue(const AccountId& account, const Session& session) const;
  // The generation that the token is of, if it was issued for this session.
  std::optional<std::uint64_t> generation_of(const RefreshToken& token, const Session& session) const;

 private:
  std::string proof(const AccountId& account, const Session& session, std::uint64_t generation) const;
  std::string key_;
};

}  // namespace tally::http

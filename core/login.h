// Logins: who may use an e-mail and a password, what wrong passwords lead to, and sessions whose refresh tokens rotate.
// Pure: no store, no hash function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "core/time.h"

namespace tally {

using SessionId = Id<struct SessionTag>;

inline constexpr std::size_t email_bytes_max = 254;
inline constexpr std::size_t password_characters_min = 8;
inline constexpr std::size_t password_bytes_max = 1'024;
inline constexpr std::size_t sessions_per_login_max = 50;  // beyond: the one that was opened first ends

// The e-mail as logins are found by it: ASCII letters in lower case. Rule `invalid_email` unless it is printable
// text without blanks, of at most 254 bytes, with something on both sides of its one '@'.
Result<std::string> email_key(std::string_view email);

// At least 8 characters, at most 1,024 bytes; else rule `invalid_password`.
Result<void> check_password(std::string_view password);

// Wrong passwords in a row. The fifth locks for a minute, each later one for twice as long as the one before, at most
// for an hour; a right password clears them, and so does a day without another.
struct LoginFailures {
  std::uint32_t count = 0;
  UtcTime last_at;
  UtcTime locked_until;

  bool locked(UtcTime now) const noexcept { return now < locked_until; }
  std::int64_t seconds_left(UtcTime now) const noexcept;  // of the lock, at least 1
  void add(UtcTime now) noexcept;
  void clear() noexcept { *this = LoginFailures{}; }
};

struct Login {
  std::string email;          // an email_key
  std::string password_hash;  // says its own algorithm, cost and salt
  LoginFailures failures;
  std::optional<UtcTime> last_login_at;
  std::vector<SessionId> sessions;  // that may still be open, in the order of their opening
};

// What one login began: a family of refresh tokens, of which only the last is good. A session that ended has no row.
struct Session {
  SessionId id;
  std::string nonce;             // random; its refresh tokens are made from it
  std::uint64_t generation = 1;  // of the refresh token that is good
  UtcTime opened_at;
  UtcTime expires_at;  // of that token
};

enum class RefreshOutcome : std::uint8_t {
  rotated = 1,  // the next generation is good now
  expired,      // too late: the session ends
  reused,       // a token that was used before: somebody else may have it, so the session ends
  unknown,      // no such session, or no token of it
};
// Decides on a genuine refresh token of `generation`, and rotates.
RefreshOutcome refresh(Session& session, std::uint64_t generation, UtcTime now, std::int64_t ttl_ms) noexcept;

// Stored bytes. The first byte is the row's version; a newer one is Errc::corrupt.
std::string encode(const Login& login);
Result<Login> decode_login(std::string_view bytes);
std::string encode(const Session& session);
Result<Session> decode_session(std::string_view bytes);

}  // namespace tally

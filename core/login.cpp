#include "core/login.h"

#include <algorithm>

#include "core/row.h"

namespace tally {
namespace {

constexpr std::uint8_t login_version = 1;
constexpr std::uint8_t session_version = 1;

constexpr std::uint32_t failures_until_locked = 5;
constexpr std::int64_t first_lock_ms = minute_ms;
constexpr std::int64_t longest_lock_ms = hour_ms;
constexpr std::int64_t failures_remembered_ms = day_ms;

Error invalid_email() {
  return fail(Errc::invalid_argument, "email must be an address such as someone@example.com", "invalid_email");
}

}  // namespace

Result<std::string> email_key(std::string_view email) {
  const std::size_t at = email.find('@');
  if (email.size() > email_bytes_max || at == std::string_view::npos || at == 0 || at + 1 == email.size() ||
      email.find('@', at + 1) != std::string_view::npos) {
    return invalid_email();
  }
  std::string key(email);
  for (char& c : key) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return invalid_email();
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return key;
}

Result<void> check_password(std::string_view password) {
  // In UTF-8 every character has one byte that does not continue another.
  const auto characters = std::count_if(password.begin(), password.end(),
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  if (characters < static_cast<std::ptrdiff_t>(password_characters_min) || password.size() > password_bytes_max) {
    return fail(Errc::invalid_argument, "password must have at least 8 characters and at most 1024 bytes",
                "invalid_password");
  }
  return {};
}

std::int64_t LoginFailures::seconds_left(UtcTime now) const noexcept {
  return std::max<std::int64_t>(1, (locked_until.ms() - now.ms() + second_ms - 1) / second_ms);
}

void LoginFailures::add(UtcTime now) noexcept {
  if (count > 0 && now >= last_at + failures_remembered_ms) clear();
  ++count;
  last_at = now;
  if (count < failures_until_locked) return;
  const std::uint32_t doublings = std::min<std::uint32_t>(count - failures_until_locked, 16);
  locked_until = now + std::min(first_lock_ms << doublings, longest_lock_ms);
}

RefreshOutcome refresh(Session& session, std::uint64_t generation, UtcTime now, std::int64_t ttl_ms) noexcept {
  if (generation > session.generation) return RefreshOutcome::unknown;
  if (generation < session.generation) return RefreshOutcome::reused;
  if (now >= session.expires_at) return RefreshOutcome::expired;
  ++session.generation;
  session.expires_at = now + ttl_ms;
  return RefreshOutcome::rotated;
}

std::string encode(const Login& login) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(login_version);
  out.text(login.email);
  out.text(login.password_hash);
  out.u64(login.failures.count);
  write_time(out, login.failures.last_at);
  write_time(out, login.failures.locked_until);
  write_optional(out, login.last_login_at, write_time);
  out.u64(login.sessions.size());
  for (const SessionId& id : login.sessions) out.text(id.str());
  return bytes;
}

Result<Login> decode_login(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != login_version) in.reject();
  Login login;
  login.email = in.text();
  login.password_hash = in.text();
  login.failures.count = read_u32(in);
  login.failures.last_at = read_time(in);
  login.failures.locked_until = read_time(in);
  login.last_login_at = read_optional(in, read_time);
  for (std::uint64_t left = in.u64(); left > 0 && in.ok(); --left) login.sessions.emplace_back(read_string(in));
  if (!in.done()) return fail(Errc::corrupt, "a login row cannot be read");
  return login;
}

std::string encode(const Session& session) {
  std::string bytes;
  Encoder out(bytes);
  out.u8(session_version);
  out.text(session.id.str());
  out.text(session.nonce);
  out.u64(session.generation);
  write_time(out, session.opened_at);
  write_time(out, session.expires_at);
  return bytes;
}

Result<Session> decode_session(std::string_view bytes) {
  Decoder in(bytes);
  if (in.u8() != session_version) in.reject();
  Session session;
  session.id = SessionId(read_string(in));
  session.nonce = in.text();
  session.generation = in.u64();
  session.opened_at = read_time(in);
  session.expires_at = read_time(in);
  if (!in.done()) return fail(Errc::corrupt, "a session row cannot be read");
  return session;
}

}  // namespace tally

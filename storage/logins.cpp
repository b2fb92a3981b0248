#include "storage/logins.h"

#include <algorithm>

#include "core/codec.h"

namespace tally::storage {

namespace {

constexpr std::string_view login_row;
constexpr std::string_view unknown_logins_row = "unknown_logins";

Error not_a_login() {
  return fail(Errc::not_found, "the account has no login");
}

void put_login(AccountTx& tx, const Login& login) {
  tx.put(Table::login, std::string(login_row), encode(login));
}

void end_all_sessions(AccountTx& tx, Login& login) {
  for (const SessionId& id : login.sessions) tx.erase(Table::session, id.str());
  login.sessions.clear();
}

template <class Row, class Decode>
Result<std::optional<Row>> decoded(const Result<std::optional<std::string>>& row, Decode decode) {
  if (!row) return row.error();
  if (!*row) return std::optional<Row>();
  auto value = decode(**row);
  if (!value) return value.error();
  return std::optional<Row>(std::move(*value));
}

}  // namespace

class Logins::Claim {
 public:
  Claim(Logins& logins, std::string held) : email(std::move(held)), logins_(logins) {}
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { logins_.release(email); }

  const std::string email;

 private:
  Logins& logins_;
};

Result<void> Logins::load() {
  std::optional<Error> broken;
  const auto scanned = store_.scan_all(Table::login, AccountId(),
                                       [&](std::string_view account, std::string_view key, std::string_view value) {
                                         if (key != login_row) return true;
                                         const auto login = decode_login(value);
                                         if (!login) return broken = login.error(), false;
                                         const std::lock_guard lock(mutex_);
                                         by_email_[login->email] = {AccountId(std::string(account)), true, 0};
                                         return true;
                                       });
  if (broken) return *broken;
  return scanned;
}

std::optional<AccountId> Logins::find(const std::string& email) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_email_.find(email);
  if (found == by_email_.end() || !found->second.committed) return std::nullopt;
  return found->second.account;
}

Result<std::optional<Login>> Logins::login(const AccountId& account) const {
  return decoded<Login>(store_.get(Table::login, account, login_row), decode_login);
}

Result<std::optional<Session>> Logins::session(const AccountId& account, const SessionId& id) const {
  return decoded<Session>(store_.get(Table::session, account, id.str()), decode_session);
}

Result<Logins::ClaimPtr> Logins::claim(const AccountId& account, const std::string& email) {
  const std::lock_guard lock(mutex_);
  Holder& holder = by_email_.try_emplace(email, Holder{account}).first->second;
  if (holder.account != account) return fail(Errc::conflict, "another account logs in by this email", "email_taken");
  ++holder.claims;
  return std::make_shared<Claim>(*this, email);
}

void Logins::release(const std::string& email) {
  const std::lock_guard lock(mutex_);
  const auto held = by_email_.find(email);
  if (--held->second.claims == 0 && !held->second.committed) by_email_.erase(held);
}

void Logins::publish(const AccountId& account, const std::string& email, const std::string& before) {
  if (!before.empty() && before != email) withdraw(before);
  const std::lock_guard lock(mutex_);
  Holder& holder = by_email_[email];
  holder.account = account;
  holder.committed = true;
}

void Logins::withdraw(const std::string& email) {
  const std::lock_guard lock(mutex_);
  const auto held = by_email_.find(email);
  if (held == by_email_.end()) return;
  held->second.committed = false;
  if (held->second.claims == 0) by_email_.erase(held);
}

Result<std::optional<Login>> Logins::stored(AccountTx& tx) const {
  return decoded<Login>(tx.get(Table::login, login_row), decode_login);
}

void Logins::put(AccountTx& tx, const ClaimPtr& email, const std::string& before, const Login& login) {
  put_login(tx, login);
  // The claim lives as long as the command's changes are on their way.
  tx.on_commit([this, account = tx.account(), email, before](Position) { publish(account, email->email, before); });
}

Result<bool> Logins::exists(AccountTx& tx) const {
  const auto login = stored(tx);
  if (!login) return login.error();
  return login->has_value();
}

Result<void> Logins::set_password(AccountTx& tx, const ClaimPtr& email, std::string password_hash) {
  auto known = stored(tx);
  if (!known) return known.error();
  Login login = known->value_or(Login{});
  const std::string before = std::exchange(login.email, email->email);
  login.password_hash = std::move(password_hash);
  login.failures.clear();
  end_all_sessions(tx, login);
  put(tx, email, before, login);
  return {};
}

Result<void> Logins::set_email(AccountTx& tx, const ClaimPtr& email) {
  auto login = stored(tx);
  if (!login) return login.error();
  if (!*login) return not_a_login();
  const std::string before = std::exchange((*login)->email, email->email);
  put(tx, email, before, **login);
  return {};
}

Result<void> Logins::remove(AccountTx& tx) {
  auto login = stored(tx);
  if (!login) return login.error();
  if (!*login) return {};
  end_all_sessions(tx, **login);
  tx.erase(Table::login, std::string(login_row));
  tx.on_commit([this, email = (*login)->email](Position) { withdraw(email); });
  return {};
}

Result<void> Logins::fail_login(AccountTx& tx, UtcTime now) {
  auto login = stored(tx);
  if (!login) return login.error();
  if (!*login) return {};
  (*login)->failures.add(now);
  put_login(tx, **login);
  return {};
}

Result<void> Logins::open_session(AccountTx& tx, std::string_view password_hash, const Session& session, UtcTime now) {
  auto login = stored(tx);
  if (!login) return login.error();
  if (!*login || (*login)->password_hash != password_hash)
    return fail(Errc::conflict, "the password was changed meanwhile");
  Login& opened = **login;
  opened.failures.clear();
  opened.last_login_at = now;
  if (opened.sessions.size() >= sessions_per_login_max) {
    tx.erase(Table::session, opened.sessions.front().str());
    opened.sessions.erase(opened.sessions.begin());
  }
  opened.sessions.push_back(session.id);
  put_login(tx, opened);
  tx.put(Table::session, session.id.str(), encode(session));
  return {};
}

Result<Logins::Refreshed> Logins::refresh(AccountTx& tx, const SessionId& id, const GenerationOf& generation_of,
                                          UtcTime now, std::int64_t ttl_ms) {
  auto session = decoded<Session>(tx.get(Table::session, id.str()), decode_session);
  if (!session) return session.error();
  if (!*session) return Refreshed{};
  const auto generation = generation_of(**session);
  if (!generation) return Refreshed{};
  const RefreshOutcome outcome = tally::refresh(**session, *generation, now, ttl_ms);
  switch (outcome) {
    case RefreshOutcome::rotated:
      tx.put(Table::session, id.str(), encode(**session));
      break;
    case RefreshOutcome::expired:
    case RefreshOutcome::reused:
      if (auto ended = end_session(tx, id); !ended) return ended.error();
      break;
    case RefreshOutcome::unknown:
      break;
  }
  return Refreshed{outcome, std::move(**session)};
}

Result<void> Logins::end_session(AccountTx& tx, const SessionId& id) {
  auto login = stored(tx);
  if (!login) return login.error();
  if (!*login || std::erase((*login)->sessions, id) == 0) return {};
  put_login(tx, **login);
  tx.erase(Table::session, id.str());
  return {};
}

Result<void> Logins::fail_unknown(AccountTx& tx) {
  const auto row = tx.get(Table::meta, unknown_logins_row);
  if (!row) return row.error();
  std::string count;
  append_be64(count, 1 + (*row && (*row)->size() == 8 ? read_be64(**row) : 0));
  tx.put(Table::meta, std::string(unknown_logins_row), std::move(count));
  return {};
}

}  // namespace tally::storage

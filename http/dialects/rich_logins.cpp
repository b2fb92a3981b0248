#include "http/dialects/rich_logins.h"

#include "http/answers.h"
#include "http/dialects/rich_wire.h"
#include "http/router.h"
#include "storage/digest.h"

namespace tally::http {
namespace {

constexpr std::size_t session_id_bytes = 12;
constexpr std::size_t nonce_bytes = 16;
constexpr std::size_t nobody_max = 10'000;  // e-mails that failures are remembered of; then all are forgotten

Response invalid_credentials() {
  return rich_error(401, "invalid_credentials", "the email or the password is wrong");
}

Response invalid_refresh_token() {
  return rich_error(401, "invalid_token", "the refresh token is not valid or has expired");
}

Response too_many_attempts(std::int64_t seconds) {
  Response response = rich_error(429, "too_many_attempts", "too many wrong passwords: try again later");
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

Response unqueued(Passwords::Queued queued) {
  if (queued == Passwords::Queued::lane_full) return too_many_attempts(1);
  return rich_error(503, "service_unavailable", "too many logins are waiting: try again shortly");
}

Response done(const char* what) {
  std::string json;
  JsonWriter(json).begin_object().field(what, true).end_object();
  return json_response(200, std::move(json));
}

// The e-mail by which the body says it logs in, as it is looked up.
Result<std::string> email_in(const JsonValue& body) {
  const auto email = rich_text(body, "email");
  if (!email) return email.error();
  return email_key(*email);
}

// Sent again under its key, a call must come to the account that it made the first time.
AccountId account_id_for(const CallKey& key, const std::string& email) {
  const std::string digits = to_hex(storage::sha256(key.row + '\0' + email)).substr(0, 24);
  return AccountId("acct_" + digits);
}

}  // namespace

void RichLogins::add_to(Router& router) {
  const auto add = [&](std::string_view path, void (RichLogins::*handler)(Request&&, Reply)) {
    router.add("POST", path, [this, handler](Request&& request, Reply reply) {
      (this->*handler)(std::move(request), std::move(reply));
    });
  };
  add("/auth/login", &RichLogins::login);
  add("/auth/refresh", &RichLogins::refresh);
  add("/auth/token/revoke", &RichLogins::revoke);
  add("/auth/logout", &RichLogins::logout);
  add("/auth/register", &RichLogins::register_account);
}

Response RichLogins::tokens(const AccountId& id, const Session& session, UtcTime now) const {
  const auto account = parts_.directory.account(id);
  if (!account) return rich_error(401, "invalid_token", "the account is gone");
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("access_token", parts_.login_tokens.issue(*account, session, now));
  out.field("refresh_token", parts_.refresh_tokens.issue(id, session)).field("token_type", "Bearer");
  out.field("expires_in", parts_.login_tokens.ttl_seconds()).end_object();
  Response response = json_response(200, std::move(json));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void RichLogins::login(Request&& request, Reply reply) {
  Response refusal;
  const auto body = rich_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  auto email = email_in(*body);
  if (!email) return reply(rich_failure(email.error()));
  auto password = rich_text(*body, "password");
  if (!password) return reply(rich_failure(password.error()));
  // One after the other for each e-mail, so that many guesses at once are no more than as many in a row.
  const std::string lane = *email;
  const auto queued = parts_.passwords.enqueue(
      lane, [this, email = std::move(*email), password = std::move(*password), reply](Passwords::Release release) {
        check({email, password, reply, std::move(release)});
      });
  if (queued != Passwords::Queued::yes) reply(unqueued(queued));
}

LoginFailures RichLogins::failures_of_nobody(const std::string& email) {
  const std::lock_guard lock(mutex_);
  const auto known = nobody_.find(email);
  return known == nobody_.end() ? LoginFailures{} : known->second;
}

void RichLogins::check(Attempt attempt) {
  const UtcTime now = parts_.clock.now();
  const auto account = parts_.logins.find(attempt.email);
  const auto login = account ? parts_.logins.login(*account) : Result<std::optional<Login>>(std::nullopt);
  if (!login) return attempt.reply(rich_failure(login.error()));
  const LoginFailures failures = *login ? (*login)->failures : failures_of_nobody(attempt.email);
  if (failures.locked(now)) return attempt.reply(too_many_attempts(failures.seconds_left(now)));
  const bool right = *login ? parts_.passwords.matches(attempt.password, (*login)->password_hash)
                            : parts_.passwords.matches_nothing(attempt.password);
  if (right) return open(*account, (*login)->password_hash, attempt, now);
  refuse(*login ? account : std::nullopt, attempt, now);
}

// A wrong password is written before it is told; where nobody has the e-mail, something is written too.
void RichLogins::refuse(const std::optional<AccountId>& account, const Attempt& attempt, UtcTime now) {
  if (!account) {
    const std::lock_guard lock(mutex_);
    if (nobody_.size() >= nobody_max && !nobody_.contains(attempt.email)) nobody_.clear();
    nobody_[attempt.email].add(now);
  }
  parts_.writer.post(
      account.value_or(storage::system_account()),
      [this, known = account.has_value(), now](storage::AccountTx& tx) {
        return known ? parts_.logins.fail_login(tx, now) : parts_.logins.fail_unknown(tx);
      },
      storage::Durability::synced,
      [attempt](const Result<void>& written) {
        attempt.reply(written ? invalid_credentials() : rich_failure(written.error()));
      });
}

void RichLogins::open(const AccountId& account, const std::string& password_hash, const Attempt& attempt, UtcTime now) {
  Session session;
  session.id = SessionId(parts_.random.hex(session_id_bytes));
  session.nonce = parts_.random.hex(nonce_bytes);
  session.opened_at = now;
  session.expires_at = now + settings_.refresh_ttl_seconds * second_ms;
  parts_.writer.post(
      account,
      [this, password_hash, session, now](storage::AccountTx& tx) {
        return parts_.logins.open_session(tx, password_hash, session, now);
      },
      storage::Durability::synced,
      [this, account, attempt, session, now](const Result<void>& opened) {
        if (opened) return attempt.reply(tokens(account, session, now));
        const bool changed = opened.error().code == Errc::conflict;
        attempt.reply(changed ? invalid_credentials() : rich_failure(opened.error()));
      });
}

void RichLogins::refresh(Request&& request, Reply reply) {
  Response refusal;
  const auto body = rich_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  const auto text = rich_text(*body, "refresh_token");
  if (!text) return reply(rich_failure(text.error()));
  const auto token = parse_refresh_token(*text);
  if (!token) return reply(invalid_refresh_token());
  const UtcTime now = parts_.clock.now();
  auto refreshed = std::make_shared<storage::Logins::Refreshed>();
  const auto decide = [this, token = *token, refreshed, now](storage::AccountTx& tx) -> Result<void> {
    const auto generation_of = [&](const Session& session) {
      return parts_.refresh_tokens.generation_of(token, session);
    };
    auto decided =
        parts_.logins.refresh(tx, token.session, generation_of, now, settings_.refresh_ttl_seconds * second_ms);
    if (!decided) return decided.error();
    *refreshed = std::move(*decided);
    return {};
  };
  parts_.writer.post(
      token->account, decide, storage::Durability::synced,
      [this, account = token->account, refreshed, now, reply](const Result<void>& written) {
        if (!written) return reply(rich_failure(written.error()));
        switch (refreshed->outcome) {
          case RefreshOutcome::rotated:
            return reply(tokens(account, refreshed->session, now));
          case RefreshOutcome::reused:
            return reply(rich_error(401, "token_reused", "this refresh token was used before: log in again"));
          case RefreshOutcome::expired:
          case RefreshOutcome::unknown:
            return reply(invalid_refresh_token());
        }
      });
}

void RichLogins::end_session(const AccountId& account, const SessionId& session, const char* told, Reply reply) {
  parts_.writer.post(
      account, [this, session](storage::AccountTx& tx) { return parts_.logins.end_session(tx, session); },
      storage::Durability::synced,
      [told, reply](const Result<void>& ended) { reply(ended ? done(told) : rich_failure(ended.error())); });
}

// As RFC 7009 says: what is no token (any more) is answered as one that was revoked.
void RichLogins::revoke(Request&& request, Reply reply) {
  constexpr const char* told = "revoked";
  Response refusal;
  const auto body = rich_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  const auto text = rich_text(*body, "token");
  if (!text) return reply(rich_failure(text.error()));
  if (const auto token = parse_refresh_token(*text)) {
    const auto session = parts_.logins.session(token->account, token->session);
    if (!session) return reply(rich_failure(session.error()));
    if (!*session || !parts_.refresh_tokens.generation_of(*token, **session)) return reply(done(told));
    return end_session(token->account, token->session, told, std::move(reply));
  }
  const auto caller = parts_.login_tokens.read(*text, parts_.clock.now());
  if (!caller) return reply(done(told));
  if (!caller->session)
    return reply(rich_error(422, "unsupported_token", "a token of another issuer is revoked by its issuer"));
  end_session(caller->account, *caller->session, told, std::move(reply));
}

void RichLogins::logout(Request&& request, Reply reply) {
  const auto bearer = bearer_in(request);
  if (!bearer) return reply(rich_error(401, "missing_token", "send the access token as Authorization: Bearer"));
  const auto caller = parts_.login_tokens.read(*bearer, parts_.clock.now());
  if (!caller && caller.error().rule.empty()) return reply(rich_failure(caller.error()));
  if (!caller || !caller->session)
    return reply(rich_error(401, caller ? "invalid_token" : caller.error().rule, "this is no access token of a login"));
  end_session(caller->account, *caller->session, "logged_out", std::move(reply));
}

void RichLogins::register_account(Request&& request, Reply reply) {
  if (!settings_.allow_signup)
    return reply(rich_error(403, "signup_disabled", "accounts are made by the operator of this service"));
  auto key = call_key(request, CallSide::customer);
  if (!key) return reply(rich_failure(key.error()));
  Response refusal;
  const auto body = rich_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  const auto email = email_in(*body);
  if (!email) return reply(rich_failure(email.error()));
  const auto password = rich_text(*body, "password");
  if (!password) return reply(rich_failure(password.error()));
  if (auto good = check_password(*password); !good) return reply(rich_failure(good.error()));
  key->secret = true;

  Account account;
  account.id = key->given() ? account_id_for(*key, *email) : AccountId(make_id(parts_.random, "acct"));
  account.email = *rich_text(*body, "email");
  account.name = account.email;
  account.billing_id = "bill_" + parts_.random.hex(8);
  account.webhook.current = parts_.make_webhook_secret();
  account.created_at = parts_.clock.now();
  const auto make = [this, key = *key, account, email = *email, password = *password,
                     reply](const Passwords::Release& release) {
    // A repeat may find the answer that stands, so only a call without a key is refused before the work.
    if (!key.given() && parts_.logins.find(email))
      return reply(rich_error(409, "email_taken", "an account with this email exists"));
    const auto hash = parts_.passwords.hash(password);
    if (!hash) return reply(rich_failure(hash.error()));
    const auto effect = [this, account, email, hash = *hash](storage::AccountTx& tx) {
      return create(tx, account, email, hash);
    };
    parts_.idempotency.run(account.id, key, effect,
                           [reply, release](Response response) { reply(rich_from_problem(std::move(response))); });
  };
  const auto queued = parts_.passwords.enqueue(*email, make);
  if (queued != Passwords::Queued::yes) reply(unqueued(queued));
}

Result<Response> RichLogins::create(storage::AccountTx& tx, Account account, const std::string& email,
                                    const std::string& password_hash) {
  const auto taken = [] { return rich_error(409, "email_taken", "an account with this email exists"); };
  const auto claim = parts_.logins.claim(tx.account(), email);
  if (!claim) return taken();
  const auto made = parts_.directory.create_account(tx, std::move(account));
  if (!made && made.error().code == Errc::conflict) return taken();
  if (!made) return made.error();
  if (auto set = parts_.logins.set_password(tx, *claim, password_hash); !set) return set.error();
  std::string json;
  JsonWriter out(json);
  out.begin_object().field("user_id", static_cast<std::int64_t>((*made)->user_id)).field("email", (*made)->email);
  out.field("account_id", (*made)->id.str()).field("created_at", (*made)->created_at).end_object();
  return json_response(201, std::move(json));
}

}  // namespace tally::http

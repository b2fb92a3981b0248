#include "http/operator/accounts.h"

#include "http/account_wire.h"
#include "http/answers.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::size_t keys_per_account_max = 1'000;

// A password that the body gives; what it must be is refused through `in`.
std::optional<std::string> read_password(JsonReader& in) {
  constexpr std::string_view name = "password";
  auto password = in.optional_string(name);
  if (!password) return std::nullopt;
  if (auto good = check_password(*password); !good) in.refuse(name, "must have 8 characters to 1024 bytes");
  return password;
}

// Answers with `status` and what `show` makes of the value, or with the error's problem.
template <class Pointer, class Show>
auto answer_with(Reply reply, int status, Show show) {
  return [reply = std::move(reply), status, show](Result<Pointer> result) {
    reply(result ? json_response(status, show(**result)) : problem(result.error()));
  };
}

}  // namespace

OperatorAccounts::OperatorAccounts(storage::Directory& directory, storage::Ledgers& ledgers, storage::Logins& logins,
                                   Idempotency& idempotency, const Credentials& credentials, Passwords& passwords,
                                   Clock& clock, Random& random, std::function<std::string()> make_webhook_secret)
    : directory_(directory),
      ledgers_(ledgers),
      logins_(logins),
      idempotency_(idempotency),
      credentials_(credentials),
      passwords_(passwords),
      clock_(clock),
      random_(random),
      make_webhook_secret_(std::move(make_webhook_secret)) {}

void OperatorAccounts::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorAccounts::*handler)(Request&&, Reply)) {
    router.add(method, path, guard([this, handler](Request&& request, Reply reply) {
                 (this->*handler)(std::move(request), std::move(reply));
               }));
  };
  add("POST", "/operator/v1/accounts", &OperatorAccounts::create);
  add("GET", "/operator/v1/accounts", &OperatorAccounts::list);
  add("GET", "/operator/v1/accounts/{id}", &OperatorAccounts::show);
  add("PATCH", "/operator/v1/accounts/{id}", &OperatorAccounts::change);
  add("PUT", "/operator/v1/accounts/{id}/subscription", &OperatorAccounts::subscribe);
  add("POST", "/operator/v1/accounts/{id}/keys", &OperatorAccounts::create_key);
  add("GET", "/operator/v1/accounts/{id}/keys", &OperatorAccounts::list_keys);
  add("PATCH", "/operator/v1/keys/{id}", &OperatorAccounts::change_key);
  add("DELETE", "/operator/v1/keys/{id}", &OperatorAccounts::delete_key);
}

void OperatorAccounts::create(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  JsonReader in(call->body);
  Account account;
  const auto id = parse_account_id(in.string("id"));
  if (!id) in.refuse("id", "must match [a-z0-9][a-z0-9_-]{0,62}");
  read_account_fields(in, account);
  const auto password = read_password(in);
  if (password && !email_key(account.email)) in.refuse("email", "must be an address, which the account logs in by");
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  account.id = *id;
  account.billing_id = "bill_" + random_.hex(8);
  account.webhook.current = make_webhook_secret_();
  account.created_at = clock_.now();
  call->key.secret = password.has_value();
  hash_password(
      *id, password, reply,
      [this, account, key = call->key, reply](const std::optional<std::string>& hash,
                                              const Passwords::Release& release) {
        const auto effect = [this, account, hash](storage::AccountTx& tx) { return create_in(tx, account, hash); };
        idempotency_.run(account.id, key, effect, [reply, release](Response response) { reply(std::move(response)); });
      });
}

void OperatorAccounts::hash_password(const AccountId& account, const std::optional<std::string>& password,
                                     const Reply& reply, const WithHash& then) {
  if (!password) return then(std::nullopt, nullptr);
  const auto work = [this, password = *password, reply, then](const Passwords::Release& release) {
    auto hash = passwords_.hash(password);
    if (!hash) return reply(problem(hash.error()));
    then(std::move(*hash), release);
  };
  if (passwords_.enqueue("account " + account.str(), work) != Passwords::Queued::yes)
    reply(problem(503, "exhausted", "too many passwords are waiting to be hashed"));
}

Result<Response> OperatorAccounts::create_in(storage::AccountTx& tx, const Account& account,
                                             const std::optional<std::string>& hash) {
  storage::Logins::ClaimPtr email;
  if (hash) {
    auto claimed = logins_.claim(account.id, email_key(account.email).value());
    if (!claimed) return claimed.error();
    email = std::move(*claimed);
  }
  const auto made = directory_.create_account(tx, account);
  if (!made) return made.error();
  if (hash) {
    if (auto set = logins_.set_password(tx, email, *hash); !set) return set.error();
  }
  return json_response(201, account_json(**made, Secrets::shown));
}

void OperatorAccounts::list(Request&& request, Reply reply) {
  const auto limit = number_param(request, "limit", 50, 1, 500);
  if (!limit) return reply(problem(limit.error()));
  AccountId after;
  if (const auto cursor = request.param("cursor")) {
    auto id = parse_account_id(*cursor);
    if (!id) return reply(problem(422, "invalid_cursor", "not a cursor of this list"));
    after = *id;
  }
  const auto page = directory_.accounts(after, static_cast<std::size_t>(*limit) + 1);
  const bool more = page.size() > static_cast<std::size_t>(*limit);
  std::string items;
  std::string cursor;
  for (std::size_t i = 0; i < page.size() - (more ? 1 : 0); ++i) {
    if (i > 0) items.push_back(',');
    items += account_json(*page[i], Secrets::hidden);
    cursor = page[i]->id.str();
  }
  reply(json_response(200, list_json(items, more ? cursor : "")));
}

void OperatorAccounts::show(Request&& request, Reply reply) {
  const auto account = directory_.account(AccountId(std::string(request.path_param("id"))));
  if (!account) return reply(problem(404, "not_found", "no such account"));
  reply(json_response(200, account_json(*account, Secrets::hidden)));
}

// What PATCH asks for. A password that is null takes the login away.
struct OperatorAccounts::Change {
  JsonValue body;
  std::optional<std::string> password_hash;
  bool no_login = false;
};

void OperatorAccounts::change(Request&& request, Reply reply) {
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  const auto account = directory_.account(AccountId(std::string(request.path_param("id"))));
  if (!account) return reply(problem(404, "not_found", "no such account"));
  Change wanted{*body, std::nullopt, false};
  JsonReader in(wanted.body);
  wanted.no_login = in.is_null("password");
  const auto password = wanted.no_login ? std::nullopt : read_password(in);
  Account scratch = *account;
  read_account_fields(in, scratch);
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  hash_password(account->id, password, reply,
                [this, id = account->id, wanted, reply](const std::optional<std::string>& hash,
                                                        const Passwords::Release& release) mutable {
                  wanted.password_hash = hash;
                  const auto effect = [this, wanted](storage::AccountTx& tx) { return change_in(tx, wanted); };
                  idempotency_.run(id, CallKey{}, effect,
                                   [reply, release](Response response) { reply(std::move(response)); });
                });
}

Result<Response> OperatorAccounts::change_in(storage::AccountTx& tx, const Change& wanted) {
  const auto write = [&](Account& stored) -> Result<void> {
    JsonReader in(wanted.body);
    read_account_fields(in, stored);
    return change_login(tx, wanted, stored.email);
  };
  const auto changed = change_with_ledger(tx, write, [](Ledger&) {});
  if (!changed) return changed.error();
  return json_response(200, account_json(**changed, Secrets::hidden));
}

// The login follows the account's e-mail, and takes the new password if there is one.
Result<void> OperatorAccounts::change_login(storage::AccountTx& tx, const Change& wanted, const std::string& email) {
  if (wanted.no_login) return logins_.remove(tx);
  const auto exists = logins_.exists(tx);
  if (!exists) return exists.error();
  if (!wanted.password_hash && !*exists) return {};
  const auto key = email_key(email);
  if (!key) return key.error();
  const auto claim = logins_.claim(tx.account(), *key);
  if (!claim) return claim.error();
  return wanted.password_hash ? logins_.set_password(tx, *claim, *wanted.password_hash) : logins_.set_email(tx, *claim);
}

Result<storage::Directory::AccountPtr> OperatorAccounts::change_with_ledger(
    storage::AccountTx& tx, const std::function<Result<void>(Account&)>& change, const storage::Ledgers::Work& work) {
  auto changed = directory_.change_account(tx, change);
  if (!changed) return changed;
  if (auto told = ledgers_.change_terms(tx, ledger_terms(**changed), work); !told) return told.error();
  return changed;
}

void OperatorAccounts::subscribe(Request&& request, Reply reply) {
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  JsonReader in(*body);
  Subscription subscription;
  read_subscription(in, subscription);
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  const auto account = directory_.account(AccountId(std::string(request.path_param("id"))));
  if (!account) return reply(problem(404, "not_found", "no such account"));
  const auto effect = [this, subscription](storage::AccountTx& tx) -> Result<Response> {
    const auto write = [&](Account& stored) -> Result<void> {
      stored.subscription = subscription;
      return {};
    };
    const auto begin = [&](Ledger& ledger) {
      if (!subscription.monthly_allocation) return;
      // An allocation that leaves the range of amounts is left out, as it is at the start of each later month.
      static_cast<void>(ledger.start_allocation(*subscription.monthly_allocation));
    };
    const auto changed = change_with_ledger(tx, write, begin);
    if (!changed) return changed.error();
    return json_response(200, subscription_json((*changed)->subscription));
  };
  idempotency_.run(account->id, CallKey{}, effect, reply);
}

void OperatorAccounts::create_key(Request&& request, Reply reply) {
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  const AccountId account(std::string(request.path_param("id")));
  if (!directory_.account(account)) return reply(problem(404, "not_found", "no such account"));
  JsonReader in(call->body);
  const std::string kind = in.string("kind");
  if (kind != to_string(KeyKind::pair) && kind != to_string(KeyKind::token))
    in.refuse("kind", "must be \"pair\" or \"token\"");
  const std::string format = in.optional_string("format").value_or("tally");
  if (format != "tally" && format != "ru_v2") in.refuse("format", "must be \"tally\" or \"ru_v2\"");
  IssuedKey issued = credentials_.issue(kind == to_string(KeyKind::pair) ? KeyKind::pair : KeyKind::token,
                                        format == "ru_v2" ? KeyFormat::ru_v2 : KeyFormat::tally);
  issued.record.account = account;
  read_key_fields(in, issued.record);
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  call->key.secret = true;
  const auto effect = [this, issued](storage::AccountTx& tx) -> Result<Response> {
    // Keys that are on their way do not count yet, so a burst may pass the bound a little.
    if (directory_.keys_of(issued.record.account).size() >= keys_per_account_max)
      return fail(Errc::conflict, "an account has at most 1000 keys", "too_many_keys");
    const auto made = directory_.create_key(tx, issued.record);
    if (!made) return made.error();
    return json_response(201, key_json(**made, issued.key, issued.secret));
  };
  idempotency_.run(account, std::move(call->key), effect, reply);
}

void OperatorAccounts::list_keys(Request&& request, Reply reply) {
  const AccountId account(std::string(request.path_param("id")));
  if (!directory_.account(account)) return reply(problem(404, "not_found", "no such account"));
  std::string items;
  for (const auto& key : directory_.keys_of(account)) {
    if (!items.empty()) items.push_back(',');
    items += key_json(*key);
  }
  reply(json_response(200, list_json(items, "")));
}

void OperatorAccounts::change_key(Request&& request, Reply reply) {
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  directory_.change_key(
      KeyId(std::string(request.path_param("id"))),
      [body](ApiKey& key) -> Result<void> {
        if (key.status == KeyStatus::revoked) return fail(Errc::not_found, "no such key");
        JsonReader in(*body);
        read_key_fields(in, key);
        return in.finish();
      },
      answer_with<storage::Directory::KeyPtr>(std::move(reply), 200,
                                              [](const ApiKey& changed) { return key_json(changed); }));
}

void OperatorAccounts::delete_key(Request&& request, Reply reply) {
  directory_.change_key(
      KeyId(std::string(request.path_param("id"))),
      [](ApiKey& key) -> Result<void> {
        if (key.status == KeyStatus::revoked) return fail(Errc::not_found, "no such key");
        key.status = KeyStatus::revoked;
        return {};
      },
      [reply](const Result<storage::Directory::KeyPtr>& deleted) {
        Response response;
        response.status = 204;
        reply(deleted ? std::move(response) : problem(deleted.error()));
      });
}

}  // namespace tally::http

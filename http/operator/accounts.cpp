#include "http/operator/accounts.h"

#include "http/account_wire.h"
#include "http/answers.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

constexpr std::size_t keys_per_account_max = 1'000;

// Answers with `status` and what `show` makes of the value, or with the error's problem.
template <class Pointer, class Show>
auto answer_with(Reply reply, int status, Show show) {
  return [reply = std::move(reply), status, show](Result<Pointer> result) {
    reply(result ? json_response(status, show(**result)) : problem(result.error()));
  };
}

}  // namespace

OperatorAccounts::OperatorAccounts(storage::Directory& directory, storage::Ledgers& ledgers, Idempotency& idempotency,
                                   const Credentials& credentials, Clock& clock, Random& random,
                                   std::function<std::string()> make_webhook_secret)
    : directory_(directory),
      ledgers_(ledgers),
      idempotency_(idempotency),
      credentials_(credentials),
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
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  account.id = *id;
  account.billing_id = "bill_" + random_.hex(8);
  account.webhook.current = make_webhook_secret_();
  account.created_at = clock_.now();
  const auto effect = [this, account](storage::AccountTx& tx) -> Result<Response> {
    const auto made = directory_.create_account(tx, account);
    if (!made) return made.error();
    return json_response(201, account_json(**made, Secrets::shown));
  };
  idempotency_.run(*id, std::move(call->key), effect, reply);
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

void OperatorAccounts::change(Request&& request, Reply reply) {
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  const auto account = directory_.account(AccountId(std::string(request.path_param("id"))));
  if (!account) return reply(problem(404, "not_found", "no such account"));
  const auto effect = [this, body](storage::AccountTx& tx) -> Result<Response> {
    const auto read = [&](Account& stored) {
      JsonReader in(*body);
      read_account_fields(in, stored);
      return in.finish();
    };
    const auto changed = change_with_ledger(tx, read, [](Ledger&) {});
    if (!changed) return changed.error();
    return json_response(200, account_json(**changed, Secrets::hidden));
  };
  idempotency_.run(account->id, CallKey{}, effect, reply);
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

#include "http/operator/ledger.h"

#include <limits>

#include "http/account_wire.h"
#include "http/answers.h"
#include "http/ledger_effect.h"
#include "http/ledger_wire.h"
#include "http/problem.h"
#include "http/router.h"

namespace tally::http {

namespace {

Grant read_grant(JsonReader& in) {
  Grant grant;
  grant.amount = in.credits("amount");
  grant.purchased_at = in.optional_time("purchased_at");
  grant.never_expires = in.is_null("expires_at");
  if (!grant.never_expires) grant.expires_at = in.optional_time("expires_at");
  grant.priority = static_cast<std::int32_t>(in.optional_integer("priority", std::numeric_limits<std::int32_t>::min(),
                                                                 std::numeric_limits<std::int32_t>::max())
                                                 .value_or(0));
  grant.reference = in.optional_string("reference").value_or("");
  grant.description = in.optional_string("description").value_or("");
  grant.metadata = flat_object(in, "metadata");
  return grant;
}

// What a grant or an adjustment did: its lot, if there is one, its entry and the balance then.
std::string posted_json(const Ledger& ledger, const AccountId& account, const Lot* lot, const LedgerEntry& entry) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  if (lot) {
    out.key("lot");
    write_lot(out, *lot, remaining_of(ledger.state(), lot->number));
  }
  out.key("entry");
  write_entry(out, account, entry);
  out.key("balance");
  write_balance(out, ledger.state());
  out.end_object();
  return json;
}

}  // namespace

OperatorLedger::OperatorLedger(storage::Ledgers& ledgers, storage::Directory& directory, Idempotency& idempotency,
                               bool has_payments)
    : ledgers_(ledgers),
      directory_(directory),
      idempotency_(idempotency),
      has_payments_(has_payments),
      views_(ledgers, directory) {}

void OperatorLedger::add_to(Router& router, const OperatorGuard& guard) {
  const auto add = [&](std::string_view method, std::string_view path,
                       void (OperatorLedger::*handler)(Request&&, Reply)) {
    router.add(method, path, guard([this, handler](Request&& request, Reply reply) {
                 (this->*handler)(std::move(request), std::move(reply));
               }));
  };
  add("POST", "/operator/v1/accounts/{id}/grants", &OperatorLedger::grant);
  add("POST", "/operator/v1/accounts/{id}/adjustments", &OperatorLedger::adjust);
  add("GET", "/operator/v1/accounts/{id}/balance", &OperatorLedger::balance);
  add("GET", "/operator/v1/accounts/{id}/lots", &OperatorLedger::lots);
  add("GET", "/operator/v1/accounts/{id}/holds", &OperatorLedger::holds);
  add("GET", "/operator/v1/accounts/{id}/ledger", &OperatorLedger::entries);
  add("GET", "/operator/v1/accounts/{id}/ledger/{entry}", &OperatorLedger::entry);
  add("GET", "/operator/v1/accounts/{id}/auto-reload", &OperatorLedger::show_reload);
  add("PUT", "/operator/v1/accounts/{id}/auto-reload", &OperatorLedger::change_reload);
}

storage::Directory::AccountPtr OperatorLedger::account_of(const Request& request, const Reply& reply) const {
  auto account = directory_.account(AccountId(std::string(request.path_param("id"))));
  if (!account) reply(problem(404, "not_found", "no such account"));
  return account;
}

void OperatorLedger::grant(Request&& request, Reply reply) {
  const auto account = account_of(request, reply);
  if (!account) return;
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  JsonReader in(call->body);
  const Grant grant = read_grant(in);
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  const auto decide = [grant, id = account->id](Ledger& ledger) {
    // What is due before and after it posts entries too.
    const std::size_t posted = ledger.entries().size();
    const auto lot = ledger.grant(grant);
    if (!lot) return problem(lot.error());
    return json_response(201, posted_json(ledger, id, &*lot, ledger.entries()[posted]));
  };
  idempotency_.run(account->id, std::move(call->key), ledger_effect(ledgers_, decide), reply);
}

void OperatorLedger::adjust(Request&& request, Reply reply) {
  const auto account = account_of(request, reply);
  if (!account) return;
  Response refusal;
  auto call = read_call(request, CallSide::operator_side, refusal);
  if (!call) return reply(std::move(refusal));
  JsonReader in(call->body);
  const Credits amount = in.credits("amount");
  const std::string description = in.string("description");
  if (description.empty()) in.refuse("description", "must say why");
  const std::string reference = in.optional_string("reference").value_or("");
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  const auto decide = [amount, description, reference, id = account->id](Ledger& ledger) {
    const std::size_t posted = ledger.entries().size();
    if (auto adjusted = ledger.adjust(amount, description, reference); !adjusted) return problem(adjusted.error());
    return json_response(201, posted_json(ledger, id, nullptr, ledger.entries()[posted]));
  };
  idempotency_.run(account->id, std::move(call->key), ledger_effect(ledgers_, decide), reply);
}

void OperatorLedger::balance(Request&& request, Reply reply) {
  if (const auto account = account_of(request, reply)) views_.balance(account->id, reply);
}

void OperatorLedger::lots(Request&& request, Reply reply) {
  if (const auto account = account_of(request, reply)) views_.lots(account->id, request, reply);
}

void OperatorLedger::holds(Request&& request, Reply reply) {
  if (const auto account = account_of(request, reply)) views_.holds(account->id, request, reply);
}

void OperatorLedger::entries(Request&& request, Reply reply) {
  if (const auto account = account_of(request, reply)) views_.entries(account->id, request, reply);
}

void OperatorLedger::entry(Request&& request, Reply reply) {
  if (const auto account = account_of(request, reply)) views_.entry(account->id, request.path_param("entry"), reply);
}

void OperatorLedger::show_reload(Request&& request, Reply reply) {
  if (const auto account = account_of(request, reply)) reply(json_response(200, auto_reload_json(account->reload)));
}

void OperatorLedger::change_reload(Request&& request, Reply reply) {
  const auto account = account_of(request, reply);
  if (!account) return;
  Response refusal;
  const auto body = json_body(request, refusal);
  if (!body) return reply(std::move(refusal));
  JsonReader in(*body);
  AutoReload reload;
  read_auto_reload(in, reload);
  if (auto good = in.finish(); !good) return reply(problem(good.error()));
  if (reload.enabled && !has_payments_)
    return reply(problem(409, "payments_not_set", "auto-reload needs the setting payments.url"));
  const auto effect = [this, reload](storage::AccountTx& tx) -> Result<Response> {
    const auto changed = directory_.change_account(tx, [&](Account& stored) -> Result<void> {
      stored.reload = reload;
      return {};
    });
    if (!changed) return changed.error();
    // Below the threshold already: the first request goes out with this commit.
    if (auto told = ledgers_.change_terms(tx, ledger_terms(**changed), [](Ledger&) {}); !told) return told.error();
    return json_response(200, auto_reload_json(reload));
  };
  idempotency_.run(account->id, CallKey{}, effect, reply);
}

}  // namespace tally::http

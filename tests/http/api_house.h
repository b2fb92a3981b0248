// Our own API over the memory store, without sockets: one call at a time, by a clock moved by hand.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/manual.h"
#include "http/credentials.h"
#include "http/customer/account.h"
#include "http/customer/ledger.h"
#include "http/dialects/rich_account.h"
#include "http/dialects/rich_logins.h"
#include "http/idempotency.h"
#include "http/json.h"
#include "http/operator/accounts.h"
#include "http/operator/authorize.h"
#include "http/operator/events.h"
#include "http/operator/holds.h"
#include "http/operator/ledger.h"
#include "http/operator/prices.h"
#include "http/problem.h"
#include "http/router.h"
#include "storage/account_writer.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/memory/memory_store.h"
#include "storage/meter.h"
#include "tests/http/jwt_maker.h"

namespace tally::http {

class ApiHouse {
 public:
  ApiHouse();

  // Sends one request and runs the writer until it is answered. The router takes the path from `target`.
  Response ask(const std::string& method, const std::string& target, std::string body = {},
               std::vector<Field> headers = {});
  Router& router() { return router_; }
  // The same, without running the writer: the answer stands in the returned place once settle() was called.
  std::shared_ptr<Response> send(const std::string& method, const std::string& target, std::string body = {},
                                 std::vector<Field> headers = {});
  void settle();

  // As the operator, on /operator/v1; with an Idempotency-Key unless that is empty.
  Response as_operator(const std::string& method, const std::string& path, std::string body = {},
                       const std::string& idempotency_key = {});
  // As the customer of `account`, whose key is made when it is first needed.
  Response as_customer(const std::string& account, const std::string& method, const std::string& target,
                       const std::string& idempotency_key = {});

  // An account with `credits` granted, if they are not "0".
  void open_account(const std::string& id, const std::string& credits = "0");
  // The answer to GET …/balance, as it is.
  std::string balance(const std::string& account);

  ManualClock clock;
  SeededRandom random{7};
  storage::MemoryStore store;
  storage::AccountWriter writer{store, {.shards = 1, .waiting_max = 1000, .threads = false}, [](const Error&) {}};
  storage::Directory directory{store, writer};
  storage::Ledgers ledgers{store, writer, clock, [this](const AccountId& id) { return directory.account(id); }};
  storage::Meter meter{store, writer, clock, ledgers, [this] { return directory.prices(); }, {}};
  storage::CallLimits limits{store, writer, clock};
  Credentials credentials{directory, limits, clock, random, "0123456789abcdef0123456789abcdef", {}};
  Idempotency idempotency{store, writer, credentials, clock};
  storage::Logins logins{store};
  Passwords passwords{{1, 8192}, {}, [](const auto& task) { task(); }};
  JwtMaker foreign{MakerKind::ed25519, "foreign"};  // an issuer "https://id.example" that is trusted for "tally-api"
  RichLogins::Parts rich_parts() {
    return {directory,       logins,        writer, idempotency, passwords,
            refresh_tokens_, login_tokens_, clock,  random,      make_secret_};
  }
  OperatorGuard guard{credentials, "token", false};

 private:
  std::function<std::string()> make_secret_ = [this] { return "whsec_" + random.hex(4); };
  OperatorAccounts accounts_{directory, ledgers, logins, idempotency, credentials,
                             passwords, clock,   random, make_secret_};
  RefreshTokens refresh_tokens_{"0123456789abcdef0123456789abcdef"};
  JwtIssuers issuers_{{{"https://id.example", "tally-api", "keys.json"}},
                      clock,
                      [this](const std::string&) -> Result<std::string> { return key_set(foreign.jwk()); },
                      [](const std::string&) {}};
  LoginTokens login_tokens_{SigningKey::ed25519_private(std::string(32, 's')).value(), logins, issuers_, 900};
  RichLogins rich_logins_{rich_parts(), {.allow_signup = true}};
  RichAccount rich_account_{
      {credentials, login_tokens_, logins, meter, ledgers, clock, [](const auto& task) { task(); }}};
  OperatorPrices prices_{directory, idempotency, clock};
  OperatorEvents events_{meter, ledgers, directory, idempotency, clock, [](const auto& task) { task(); }};
  OperatorLedger ledger_{ledgers, directory, idempotency};
  OperatorHolds holds_{ledgers, meter, directory, idempotency, clock};
  OperatorAuthorize authorize_{credentials, limits, directory, ledgers, idempotency, clock};
  CustomerAccount customer_account_{credentials, directory, idempotency, clock, make_secret_};
  CustomerLedger customer_ledger_{credentials, ledgers, directory};
  Router router_{[](int status, std::string_view code, const Request&) { return problem(status, code, ""); }};
  std::map<std::string, std::string> keys_;
};

// The body as JSON; the test fails if it is none.
JsonValue json_of(const Response& response);
// The text of a member by its way, "entry.lots.0.amount"; "" if there is none.
std::string at(const Response& response, std::string_view way);
std::string code_of(const Response& response);
bool replayed(const Response& response);

}  // namespace tally::http

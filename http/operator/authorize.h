// POST /operator/v1/authorize: may this call of a customer's go through? A gateway asks once per call.
//
// Key, address, scope, limits, price and hold are one decision in one command of the key's account: what it answers is
// what was committed. A call that is refused for any reason reserves nothing and counts against no limit.
#pragma once

#include "core/clock.h"
#include "http/credentials.h"
#include "http/idempotency.h"
#include "http/operator/guard.h"
#include "http/request.h"
#include "storage/call_limits.h"
#include "storage/directory.h"
#include "storage/ledgers.h"

namespace tally::http {

class Router;

class OperatorAuthorize {
 public:
  OperatorAuthorize(const Credentials& credentials, storage::CallLimits& limits, const storage::Directory& directory,
                    storage::Ledgers& ledgers, Idempotency& idempotency, const Clock& clock);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  // The call that asks to go through.
  struct Call {
    IpAddress ip;
    std::string endpoint;
    std::int64_t quantity = 1;
    std::int64_t ttl_ms = minute_ms;
  };
  void authorize(Request&& request, const Reply& reply);
  Result<Response> decide(storage::AccountTx& tx, const KeyId& id, const Call& call);

  const Credentials& credentials_;
  storage::CallLimits& limits_;
  const storage::Directory& directory_;
  storage::Ledgers& ledgers_;
  Idempotency& idempotency_;
  const Clock& clock_;
};

}  // namespace tally::http

// /operator/v1/holds: credits set aside before a call is made, and settled or released after it.
//
// A hold is resolved exactly once. The same resolution again gives the same answer; a different one is 409
// `hold_resolved`, also when the hold has expired.
#pragma once

#include "core/clock.h"
#include "http/idempotency.h"
#include "http/ledger_wire.h"
#include "http/operator/guard.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

class OperatorHolds {
 public:
  OperatorHolds(storage::Ledgers& ledgers, storage::Meter& meter, const storage::Directory& directory,
                Idempotency& idempotency, const Clock& clock);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void create(Request&& request, Reply reply);
  void show(Request&& request, Reply reply);
  void settle(Request&& request, Reply reply);
  void release(Request&& request, Reply reply);
  void settle_with_credits(const HoldName& hold, CallKey key, Credits credits, const Reply& reply);
  void settle_with_event(const HoldName& hold, CallKey key, UsageEvent event, const Reply& reply);
  Result<HoldRequest> read_hold(JsonReader& in) const;
  // The hold that the path names, or nothing after 404 was sent.
  std::optional<HoldName> hold_of(const Request& request, const Reply& reply) const;

  storage::Ledgers& ledgers_;
  storage::Meter& meter_;
  const storage::Directory& directory_;
  Idempotency& idempotency_;
  const Clock& clock_;
};

}  // namespace tally::http

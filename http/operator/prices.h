// /operator/v1/prices: what endpoints cost.
#pragma once

#include "http/idempotency.h"
#include "http/operator/guard.h"
#include "http/request.h"
#include "storage/directory.h"

namespace tally::http {

class Router;

class OperatorPrices {
 public:
  OperatorPrices(storage::Directory& directory, Idempotency& idempotency, Clock& clock)
      : directory_(directory), idempotency_(idempotency), clock_(clock) {}
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void add(Request&& request, Reply reply);
  void list(Request&& request, Reply reply);
  void show(Request&& request, Reply reply);
  void remove(Request&& request, Reply reply);

  storage::Directory& directory_;
  Idempotency& idempotency_;
  Clock& clock_;
};

}  // namespace tally::http

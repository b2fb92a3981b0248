// /operator/v1/accounts/{id}/…: grants, adjustments, auto-reload, and the ledger as it is read.
#pragma once

#include "http/idempotency.h"
#include "http/ledger_views.h"
#include "http/operator/guard.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/ledgers.h"

namespace tally::http {

class Router;

class OperatorLedger {
 public:
  // Without `has_payments` nobody could be asked for a reload, so auto-reload cannot be turned on.
  OperatorLedger(storage::Ledgers& ledgers, storage::Directory& directory, Idempotency& idempotency,
                 bool has_payments = true);
  void add_to(Router& router, const OperatorGuard& guard);

 private:
  void grant(Request&& request, Reply reply);
  void adjust(Request&& request, Reply reply);
  void balance(Request&& request, Reply reply);
  void lots(Request&& request, Reply reply);
  void holds(Request&& request, Reply reply);
  void entries(Request&& request, Reply reply);
  void entry(Request&& request, Reply reply);
  void show_reload(Request&& request, Reply reply);
  void change_reload(Request&& request, Reply reply);
  // The account of the path, or nothing after 404 was sent.
  storage::Directory::AccountPtr account_of(const Request& request, const Reply& reply) const;

  storage::Ledgers& ledgers_;
  storage::Directory& directory_;
  Idempotency& idempotency_;
  bool has_payments_;
  LedgerViews views_;
};

}  // namespace tally::http

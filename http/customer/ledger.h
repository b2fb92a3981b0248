// /v1/balance, /v1/lots, /v1/ledger: what a customer's credits are, and why each was charged.
#pragma once

#include <functional>
#include <string_view>

#include "http/credentials.h"
#include "http/ledger_views.h"
#include "http/request.h"

namespace tally::http {

class Router;

class CustomerLedger {
 public:
  CustomerLedger(Credentials& credentials, storage::Ledgers& ledgers, const storage::Directory& directory)
      : credentials_(credentials), views_(ledgers, directory) {}
  void add_to(Router& router);

 private:
  using Show = std::function<void(const AccountId&, const Request&, LedgerViews::Answer)>;
  Handler behind_credentials(Show show);

  Credentials& credentials_;
  LedgerViews views_;
};

}  // namespace tally::http

// /v1/account: a customer's own account and the secret that signs its callbacks.
#pragma once

#include <functional>
#include <string>

#include "http/credentials.h"
#include "http/idempotency.h"
#include "http/request.h"
#include "storage/directory.h"

namespace tally::http {

class Router;

class CustomerAccount {
 public:
  CustomerAccount(Credentials& credentials, storage::Directory& directory, Idempotency& idempotency, Clock& clock,
                  std::function<std::string()> make_webhook_secret);
  void add_to(Router& router);

 private:
  void show(Request&& request, Reply reply);
  void rotate_webhook_secret(Request&& request, Reply reply);

  Credentials& credentials_;
  storage::Directory& directory_;
  Idempotency& idempotency_;
  Clock& clock_;
  std::function<std::string()> make_webhook_secret_;
};

}  // namespace tally::http

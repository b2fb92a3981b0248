// The operator's token before every operator route.
#pragma once

#include <string>

#include "http/credentials.h"
#include "http/request.h"

namespace tally::http {

class OperatorGuard {
 public:
  // With `own_listener` the routes answer 404 on the customers' listener.
  OperatorGuard(const Credentials& credentials, std::string token, bool own_listener)
      : credentials_(credentials), token_(std::move(token)), own_listener_(own_listener) {}

  // `handler` behind the check.
  Handler operator()(Handler handler) const;
  // The same, but for anybody on a listener of the operator's own: a monitor there need not hold the token.
  Handler open_on_own_listener(Handler handler) const;

 private:
  const Credentials& credentials_;
  std::string token_;
  bool own_listener_;
};

}  // namespace tally::http

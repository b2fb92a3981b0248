#include "http/operator/guard.h"

#include "http/problem.h"

namespace tally::http {

Handler OperatorGuard::operator()(Handler handler) const {
  return [this, handler = std::move(handler)](Request&& request, Reply reply) {
    if (own_listener_ && !request.operator_listener) return reply(problem(404, "not_found", ""));
    const auto authorization = request.header("authorization");
    constexpr std::string_view scheme = "Bearer ";
    if (!authorization || !authorization->starts_with(scheme)) {
      return reply(problem(401, "missing_operator_token", "send Authorization: Bearer with the operator token"));
    }
    if (!credentials_.matches(authorization->substr(scheme.size()), token_)) {
      return reply(problem(401, "invalid_operator_token", "the operator token is not valid"));
    }
    handler(std::move(request), std::move(reply));
  };
}

Handler OperatorGuard::open_on_own_listener(Handler handler) const {
  if (!own_listener_) return (*this)(std::move(handler));
  return [handler = std::move(handler)](Request&& request, Reply reply) {
    if (!request.operator_listener) return reply(problem(404, "not_found", ""));
    handler(std::move(request), std::move(reply));
  };
}

}  // namespace tally::http

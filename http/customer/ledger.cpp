#include "http/customer/ledger.h"

#include "http/answers.h"
#include "http/router.h"

namespace tally::http {

Handler CustomerLedger::behind_credentials(Show show) {
  return [this, show = std::move(show)](Request&& request, const Reply& reply) {
    const auto checked = credentials_.check_any(request, {.scope = Scope::account});
    if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(refusal_problem(*refused));
    const Caller& caller = std::get<Caller>(checked);
    show(caller.account->id, request, [reply, rate = caller.rate](Response response) {
      add_rate_headers(response, rate);
      reply(std::move(response));
    });
  };
}

void CustomerLedger::add_to(Router& router) {
  using Answer = LedgerViews::Answer;
  const auto add = [&](std::string_view path, Show show) {
    router.add("GET", path, behind_credentials(std::move(show)));
  };
  add("/v1/balance",
      [this](const AccountId& account, const Request&, Answer answer) { views_.balance(account, std::move(answer)); });
  add("/v1/lots", [this](const AccountId& account, const Request& request, Answer answer) {
    views_.lots(account, request, std::move(answer));
  });
  add("/v1/ledger", [this](const AccountId& account, const Request& request, Answer answer) {
    views_.entries(account, request, std::move(answer));
  });
  add("/v1/ledger/{id}", [this](const AccountId& account, const Request& request, Answer answer) {
    views_.entry(account, request.path_param("id"), std::move(answer));
  });
}

}  // namespace tally::http

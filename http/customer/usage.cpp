#include "http/customer/usage.h"

#include "http/answers.h"
#include "http/problem.h"
#include "http/report_wire.h"
#include "http/router.h"

namespace tally::http {

void CustomerUsage::add_to(Router& router) {
  router.add("GET", "/v1/usage", [this](Request&& request, const Reply& reply) { usage(std::move(request), reply); });
}

Response CustomerUsage::report(const AccountId& account, const ReportRequest& asked) const {
  const std::uint64_t price_version = directory_.prices()->version();
  const auto report = meter_.report(account, asked);
  if (!report) return problem(report.error());
  const auto result = usage_result(account, *report, price_version, inline_result_bytes_max);
  if (!result && result.error().code == Errc::too_large)
    return problem(422, "result_too_large", "too much to answer at once: POST /v1/reports makes reports of any size");
  if (!result) return problem(result.error());
  return json_response(200, result->head + result->rows + result->tail);
}

void CustomerUsage::usage(Request&& request, const Reply& reply) {
  const auto checked = credentials_.check_any(request, {.scope = Scope::reports});
  if (const auto* refused = std::get_if<Refusal>(&checked)) return reply(refusal_problem(*refused));
  const Caller& caller = std::get<Caller>(checked);
  const auto answer = [reply, rate = caller.rate](Response response) {
    add_rate_headers(response, rate);
    reply(std::move(response));
  };
  auto asked = read_usage_query(request, clock_.now());
  if (!asked) return answer(problem(asked.error()));
  elsewhere_(
      [this, account = caller.account->id, asked = std::move(*asked), answer] { answer(report(account, asked)); });
}

}  // namespace tally::http

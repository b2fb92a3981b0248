// InsideView: a client's token, its account's usage by API and period, and its jobs.
//
//   /Auth/login/v1/token, /Auth/login/v1/token.json     POST; a pair key is the client
//   /api/v1/admin/usage, /api/v1/admin/jobs             GET, or POST with a form; header `accessToken`
//
// Source: the vendor's pages of its API Usage, Bulk Jobs List and API Error Codes. Ours, where they are silent:
// - the meaning of the 400-70x numbers, and every number below that the pages do not show;
// - the throttle is the account's, and a throttled account gets no answer for a full window, whatever token it shows;
// - `allocatedCredits` is the month's allocation; without one, what is available now and what this month consumed,
//   together. It is rounded down, `consumedCredits` up: both are whole numbers, and their difference never promises
//   more than there is;
// - the part of a range that lies in the future is empty.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"
#include "core/throttle.h"
#include "http/credentials.h"
#include "http/dialects/insideview_wire.h"
#include "http/request.h"
#include "queue/jobs.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

struct InsideViewRules {
  ThrottleRules throttle;
  std::int64_t token_ttl_ms = hour_ms;
};

class InsideView {
 public:
  // `execute` runs what reads many rows, off the I/O threads.
  using Executor = std::function<void(std::function<void()>)>;
  InsideView(Credentials& credentials, const storage::Meter& meter, storage::Ledgers& ledgers, const queue::Jobs& jobs,
             Clock& clock, Executor execute, InsideViewRules rules);
  void add_to(Router& router);

  // The key that a token was given to. Errc::invalid_argument: none of ours, or it is over.
  Result<KeyId> key_of_token(std::string_view token, UtcTime now) const;

  // The dialect's shape of an error, also for those that no handler of it sees (404, 405 …): XML, or JSON by `Accept`.
  static Response error(const Request& request, const insideview::Failure& failure);

 private:
  struct Call;  // one call whose token is good
  using Serve = void (InsideView::*)(const std::shared_ptr<Call>&);

  void login(Request&& request, const Reply& reply);
  void admit(Request&& request, const Reply& reply, Serve serve);
  void usage(const std::shared_ptr<Call>& call);
  void jobs(const std::shared_ptr<Call>& call);
  Result<insideview::AccountUsage> read_usage(const Call& call, insideview::Period period, TimeRange range) const;
  Result<insideview::JobList> read_jobs(const Call& call, const std::function<bool(const Job&)>& wanted,
                                        std::optional<TimeRange> range, insideview::JobList list) const;
  RateState throttle(const AccountId& account);
  std::string make_token(const KeyId& key, UtcTime expires_at) const;

  Credentials& credentials_;
  const storage::Meter& meter_;
  storage::Ledgers& ledgers_;
  const queue::Jobs& jobs_;
  Clock& clock_;
  Executor execute_;
  InsideViewRules rules_;

  struct Throttles {
    std::mutex mutex;
    std::unordered_map<AccountId, Throttle> by_account;
    std::size_t sweep_at = 1024;
  };
  std::array<Throttles, 16> throttles_;
};

}  // namespace tally::http

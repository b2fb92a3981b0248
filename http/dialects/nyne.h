// Nyne: `GET /usage`, which submits a usage report for one calendar month and is polled on the same path.
//
// Source: the vendor's document of GET /usage. Ours, where it is silent: the error shape, the error codes, `request_id`
// and `status` at the top level of a completed body, and the setting `nyne.envelope` for the other body that the
// vendor's pages show.
#pragma once

#include <functional>

#include "http/credentials.h"
#include "http/finished_answers.h"
#include "http/report_kind.h"
#include "http/report_submission.h"
#include "http/request.h"
#include "http/wait.h"
#include "queue/jobs.h"
#include "storage/directory.h"
#include "storage/ledgers.h"
#include "storage/meter.h"

namespace tally::http {

class Router;

class Nyne {
 public:
  Nyne(Credentials& credentials, queue::Jobs& jobs, const storage::Meter& meter, const storage::Directory& directory,
       storage::Ledgers& ledgers, Waiter& waiter, Clock& clock, CallbackPolicy callback_policy, bool envelope);
  void add_to(Router& router);
  ReportKind kind() const;

  // {"success":false,"error":CODE,"message":TEXT}, also for errors that no handler of this dialect sees (404, 405 …).
  static Response error(int status, std::string_view code, std::string_view message);

 private:
  void usage(Request&& request, Reply reply);
  void submit(const Request& request, const Caller& caller, Reply reply);
  void poll(const Request& request, const Caller& caller, Reply reply);
  Result<std::string> compute(const Job& job) const;
  Result<Credits> available(const AccountId& account) const;
  std::string render(const Job& job, std::string_view result) const;
  Response job_response(const Job& job);

  Credentials& credentials_;
  queue::Jobs& jobs_;
  const storage::Meter& meter_;
  const storage::Directory& directory_;
  storage::Ledgers& ledgers_;
  Waiter& waiter_;
  Clock& clock_;
  CallbackPolicy callback_policy_;
  bool envelope_;
  FinishedAnswers finished_{clock_};
};

}  // namespace tally::http

// Our own API with its report jobs: the work runs when the test says so, on a thread of its own while the test commits.
#pragma once

#include <deque>
#include <string>

#include "http/customer/reports.h"
#include "http/customer/usage.h"
#include "http/operator/reports.h"
#include "queue/runner.h"
#include "tests/http/api_house.h"

namespace tally::http {

class ReportHouse : public ApiHouse {
 public:
  explicit ReportHouse(const ReportLimits& report_limits = {});

  // Runs everything that is to be done.
  void work();

  // Submits, works, and gives the finished job's poll.
  Response report(const std::string& account, const std::string& body);
  Response operator_report(const std::string& body);
  Response result(const std::string& account, const std::string& id, std::vector<Field> headers = {});
  // A body that is streamed is read to its end.
  Response operator_result(const std::string& id, std::vector<Field> headers = {});
  Response ask_as(const std::string& account, const std::string& method, const std::string& target,
                  std::string body = {}, std::vector<Field> headers = {});
  Response ask_operator(const std::string& method, const std::string& path, std::string body = {},
                        std::vector<Field> headers = {});
  void event(const std::string& json);

  queue::Jobs& jobs() { return *jobs_; }
  queue::Runner& runner() { return *runner_; }
  std::deque<std::function<void()>> tasks;
  // Looks at each context before the work sees it, and may replace what the work does.
  std::function<Result<std::string>(const Job&, queue::JobContext&, const queue::Work&)> around;

 private:
  void start();

  ReportLimits limits_;
  std::unique_ptr<queue::Scheduler> scheduler_;
  std::unique_ptr<queue::Jobs> jobs_;
  std::unique_ptr<queue::Runner> runner_;
  std::unique_ptr<Waiter> waiter_;
  std::unique_ptr<JobStreams> streams_;
  std::unique_ptr<CustomerReports> customer_;
  std::unique_ptr<CustomerUsage> usage_;
  std::unique_ptr<OperatorReports> operator_;
  std::map<std::string, std::string> report_keys_;
};

}  // namespace tally::http

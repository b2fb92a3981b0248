// The clients of a simulated server: gateways that send events, customers that submit, poll and cancel reports.
#pragma once

#include <vector>

#include "core/clock.h"
#include "tests/sim/job_model.h"
#include "tests/sim/ledger_model.h"
#include "tests/sim/profile.h"
#include "tests/sim/server.h"
#include "tests/sim/simulation.h"
#include "tests/sim/usage_model.h"

namespace tally::sim {

class Clients {
 public:
  Clients(Random& dice, ManualClock& clock, const Profile& profile, Verdict& verdict, UsageModel& usage, JobModel& jobs,
          LedgerModel& ledger, const storage::Store& store, Coverage& coverage);

  // Until each account and price exists; false when the server must be started again first.
  bool set_up(Server& server);

  void send_events(Server& server);
  void submit_job(Server& server);
  void cancel_job(Server& server);
  void watch_job(Server& server);
  void read_report(Server& server);
  void replay_delivery(Server& server);
  void change_price(Server& server);
  void grant_credits(Server& server);
  void make_hold(Server& server);
  void end_hold(Server& server);

  // While a commit is under way a report holds all events up to some point.
  void read_report_meanwhile(Server& server);
  // A report of every account, which must hold all its events.
  void read_all_reports(Server& server);
  // The lists that customers page through must show what is stored.
  void list_jobs(Server& server);
  // Watches end with the process; while it lives each must be told of its job's end.
  void restarted() { watches_.clear(); }
  void check_watches();

 private:
  void add_schedule(Server& server, const char* when);
  UsageEvent new_event(const AccountId& account);
  std::vector<UsageEvent> new_batch();
  ReportRequest new_request();
  const AccountId& an_account();
  const Job* a_job();
  bool chance(std::uint32_t percent) { return dice_.below(100) < percent; }

  Random& dice_;
  ManualClock& clock_;
  const Profile& profile_;
  Verdict& verdict_;
  UsageModel& usage_;
  JobModel& jobs_;
  LedgerModel& ledger_;
  const storage::Store& store_;
  Coverage& coverage_;
  UtcTime start_;
  std::vector<AccountId> accounts_;
  std::vector<std::vector<UsageEvent>> sent_;  // by account
  std::vector<Job> known_jobs_;
  std::vector<std::pair<AccountId, std::uint64_t>> known_holds_;
  std::map<RequestId, int> watches_;  // how many of them were not called yet
  std::uint64_t last_event_ = 0;
};

}  // namespace tally::sim

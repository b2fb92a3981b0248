// A simulated world: one disk and one network that outlive the server's lives, and what can happen in it.
#pragma once

#include <memory>

#include "tests/sim/clients.h"
#include "tests/sim/faulty_store.h"
#include "tests/sim/faulty_transport.h"
#include "tests/sim/job_model.h"
#include "tests/sim/ledger_model.h"
#include "tests/sim/profile.h"
#include "tests/sim/schedule_model.h"
#include "tests/sim/simulation.h"
#include "tests/sim/usage_model.h"

namespace tally::sim {

class World {
 public:
  explicit World(const SimulationOptions& options);

  // A first server with its accounts and prices.
  void begin();
  // Whatever the dice say, then every check.
  void step();
  // Faults end, time goes on: everything must come to its end without another restart.
  void settle();

  const Verdict& verdict() const noexcept { return verdict_; }
  Coverage coverage() const;

 private:
  enum class Death : std::uint8_t { process, power };

  void start_server();
  void end_server();
  void restart(Death death);
  void stop_cleanly();
  void act();
  void act_meanwhile();
  void accident();
  void wait(std::uint64_t ms_max);
  void drop_old_jobs();
  bool settled();
  void check();
  void check_idle();
  Result<void> meet_work(const Job& job, queue::JobContext& context);
  void trace(const char* what) const;

  SimulationOptions options_;
  SeededRandom dice_;
  SeededRandom disk_dice_;
  SeededRandom network_dice_;
  SeededRandom server_dice_;
  ManualClock clock_;
  Verdict verdict_;
  Coverage coverage_;
  Profile profile_;
  FaultyStore disk_;
  CanaryStore store_;
  UsageModel usage_;
  JobModel jobs_;
  LedgerModel ledger_;
  ScheduleModel schedules_;
  FaultyTransport network_;
  Clients clients_;
  std::unique_ptr<Server> server_;
  bool idle_ = false;  // nothing is posted to the writer
  bool settling_ = false;
  std::uint64_t checked_commits_ = 0;
  bool check_all_ = true;
};

}  // namespace tally::sim

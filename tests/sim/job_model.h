// What must be true of jobs and of the deliveries of their outcomes, whatever happened.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/account.h"
#include "core/delivery.h"
#include "core/job.h"
#include "storage/store.h"
#include "tests/sim/usage_model.h"
#include "tests/sim/verdict.h"
#include "webhook/transport.h"

namespace tally::sim {

class JobModel {
 public:
  JobModel(Verdict& verdict, UsageModel& usage, const Clock& clock) : verdict_(verdict), usage_(usage), clock_(clock) {}

  void acknowledged(const Job& job) { acknowledged_[job.id] = job; }
  void cancel_answered(const storage::Store& store, const AccountId& account, const RequestId& id,
                       const Result<Job>& answer);
  // Finished jobs created before this may be gone from now on.
  void retention(UtcTime before) { kept_since_ = std::max(kept_since_, before); }

  // An attempt is handed to the network; and one comes to its receiver, maybe much later.
  void sending(const storage::Store& store, const webhook::Attempt& attempt);
  void received(const webhook::Attempt& attempt);

  void check(const storage::Store& store);
  // Nothing is under way any more.
  void check_quiescent(const storage::Store& store);
  void restarted() { restarted_ = true; }

  std::vector<Job> jobs() const;  // that clients know of
  const std::vector<Delivery>& deliveries() const noexcept { return deliveries_; }
  const std::map<RequestId, Job>& stored() const noexcept { return stored_; }

 private:
  struct Outcome {
    Job job;
    std::string result;
  };
  void read_jobs(const storage::Store& store);
  void check_job(const storage::Store& store, const Job& job);
  void check_outcome(const Job& job, const std::optional<std::string>& result);
  void check_indexes(const storage::Store& store);
  void check_deliveries(const storage::Store& store);
  void check_delivery(const storage::Store& store, const Delivery& delivery);

  Verdict& verdict_;
  UsageModel& usage_;
  const Clock& clock_;
  std::map<RequestId, Job> acknowledged_;
  std::map<RequestId, Job> stored_;           // as of the last check
  std::map<RequestId, Outcome> outcomes_;     // of every job that was ever seen finished
  std::map<DeliveryId, std::string> bodies_;  // as the receivers got them
  std::vector<Delivery> deliveries_;
  UtcTime kept_since_;
  bool restarted_ = true;
};

}  // namespace tally::sim

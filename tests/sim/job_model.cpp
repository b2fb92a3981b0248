#include "tests/sim/job_model.h"

#include "core/codec.h"
#include "tests/sim/server.h"
#include "webhook/signature.h"

namespace tally::sim {

using namespace storage;

namespace {

std::string name(const Job& job) {
  return "job " + job.id.str() + " (" + std::string(to_string(job.status)) + ")";
}

bool calls_back(const Job& job) {
  return !job.callback_url.empty() && (job.status == JobStatus::completed || job.status == JobStatus::failed);
}

std::set<std::string> keys_of(const Store& store, Table table, std::size_t skip = 0) {
  std::set<std::string> keys;
  (void)store.scan_all(table, AccountId(), [&](std::string_view, std::string_view key, std::string_view) {
    keys.emplace(key.substr(skip));
    return true;
  });
  return keys;
}

}  // namespace

void JobModel::cancel_answered(const Store& store, const AccountId& account, const RequestId& id,
                               const Result<Job>& answer) {
  const auto row = store.get(Table::job, account, id.str()).value();
  if (answer && answer->status != JobStatus::cancelled) verdict_.broken("a cancelled job is not cancelled");
  if (!answer && answer.error().code == Errc::conflict && (!row || !decode_job(*row)->finished()))
    verdict_.broken("a job that is not finished could not be cancelled");
}

void JobModel::sending(const Store& store, const webhook::Attempt& attempt) {
  std::optional<Delivery> delivery;
  (void)store.scan_all(Table::delivery, AccountId(), [&](std::string_view, std::string_view key, std::string_view row) {
    if (key == attempt.headers.id) delivery = decode_delivery(row).value();
    return !delivery;
  });
  if (!delivery) return verdict_.broken("a delivery was sent that is not stored");
  const std::string what = "delivery " + delivery->id.str();
  if (delivery->status != DeliveryStatus::pending) verdict_.broken(what + " was sent although it is not pending");
  if (delivery->next_attempt_at > clock_.now()) verdict_.broken(what + " was sent before its time");
  if (delivery->url != attempt.url) verdict_.broken(what + " was sent to a wrong URL");
  const Account account = decode_account(*store.get(Table::account, delivery->account, "").value()).value();
  if (!webhook::verify(account.webhook.current, attempt.headers, attempt.body, clock_.now()))
    verdict_.broken(what + " was sent with a wrong signature");
}

void JobModel::received(const webhook::Attempt& attempt) {
  const auto [first, is_new] = bodies_.emplace(DeliveryId(attempt.headers.id), attempt.body);
  if (first->second != attempt.body) verdict_.broken("a delivery came with two different bodies");
}

std::vector<Job> JobModel::jobs() const {
  std::vector<Job> jobs;
  for (const auto& [id, job] : acknowledged_) jobs.push_back(job);
  return jobs;
}

void JobModel::check(const Store& store) {
  read_jobs(store);
  for (const auto& [id, job] : acknowledged_) {
    const auto row = stored_.find(id);
    if (row == stored_.end()) {
      const bool dropped = outcomes_.contains(id) && job.created_at < kept_since_;
      if (!dropped) verdict_.broken(name(job) + " was acknowledged and is lost");
      continue;
    }
    if (row->second.account != job.account || row->second.request != job.request ||
        row->second.callback_url != job.callback_url)
      verdict_.broken(name(job) + " is not what was submitted");
  }
  for (const auto& [id, job] : stored_) check_job(store, job);
  check_indexes(store);
  check_deliveries(store);
  restarted_ = false;
}

void JobModel::read_jobs(const Store& store) {
  std::map<RequestId, Job> before = std::move(stored_);
  stored_.clear();
  (void)store.scan_all(Table::job, AccountId(), [&](std::string_view, std::string_view, std::string_view row) {
    Job job = decode_job(row).value();
    const auto earlier = before.find(job.id);
    if (!restarted_ && earlier != before.end() && job.token < earlier->second.token)
      verdict_.broken(name(job) + " went back to an older claim");
    stored_.emplace(job.id, std::move(job));
    return true;
  });
}

void JobModel::check_job(const Store& store, const Job& job) {
  const auto result = store.get(Table::job_result, job.account, job.id.str()).value();
  if (result.has_value() != (job.status == JobStatus::completed))
    verdict_.broken(name(job) + (result ? " has a result" : " has no result"));
  if (job.finished()) {
    check_outcome(job, result);
  } else if (outcomes_.contains(job.id)) {
    verdict_.broken(name(job) + " was finished before");
  }
}

void JobModel::check_outcome(const Job& job, const std::optional<std::string>& result) {
  const auto [known, is_new] = outcomes_.try_emplace(job.id, Outcome{job, result.value_or("")});
  if (!is_new) {
    const Outcome& outcome = known->second;
    if (encode(outcome.job) != encode(job)) verdict_.broken(name(job) + " was changed after it was finished");
    if (outcome.result != result.value_or("")) verdict_.broken(name(job) + " has another result than before");
    return;
  }
  if (job.status != JobStatus::completed || !result) return;
  const std::size_t colon = result->find(':');
  if (result->substr(0, colon) != std::to_string(job.token))
    verdict_.broken(name(job) + " has the result of a worker that had lost its lease");
  const auto report = decode_report(std::string_view(*result).substr(colon + 1));
  if (!report) return verdict_.broken(name(job) + " has a result that is no report");
  usage_.check_report(job.account, *report, false);
}

void JobModel::check_indexes(const Store& store) {
  std::set<std::string> open;
  std::set<std::string> all;
  for (const auto& [id, job] : stored_) {
    all.insert(id.str());
    if (!job.finished()) open.insert(id.str());
  }
  if (keys_of(store, Table::open_job) != open) verdict_.broken("open_job does not list the unfinished jobs");
  if (keys_of(store, Table::job_by_time, 8) != all) verdict_.broken("job_by_time does not list the jobs");
}

void JobModel::check_deliveries(const Store& store) {
  deliveries_.clear();
  (void)store.scan_all(Table::delivery, AccountId(), [&](std::string_view, std::string_view, std::string_view row) {
    deliveries_.push_back(decode_delivery(row).value());
    return true;
  });
  std::set<std::string> pending;
  std::map<RequestId, int> of_job;
  for (const Delivery& delivery : deliveries_) {
    if (delivery.status == DeliveryStatus::pending) pending.insert(delivery.id.str());
    ++of_job[delivery.request];
    check_delivery(store, delivery);
  }
  for (const auto& [id, job] : stored_) {
    if (of_job[id] != (calls_back(job) ? 1 : 0))
      verdict_.broken(name(job) + " has " + std::to_string(of_job[id]) + " deliveries");
  }
  if (keys_of(store, Table::open_delivery) != pending) verdict_.broken("open_delivery does not list the pending ones");
}

void JobModel::check_delivery(const Store& store, const Delivery& delivery) {
  const std::string what = "delivery " + delivery.id.str();
  const auto outcome = outcomes_.find(delivery.request);
  if (outcome == outcomes_.end()) return verdict_.broken(what + " tells of a job that is not finished");
  if (!stored_.contains(delivery.request)) return verdict_.broken(what + " is left of a job that was dropped");
  if (outcome->second.job.delivery != delivery.id) verdict_.broken(what + " is not the one that its job names");
  const std::string expected = Server::callback_body(outcome->second.job, outcome->second.result);
  const auto body = store.get(Table::delivery_body, delivery.account, delivery.id.str()).value();
  if (body != expected) verdict_.broken(what + " does not have the body that a poll answers");
  const auto received = bodies_.find(delivery.id);
  if (received != bodies_.end() && received->second != expected) verdict_.broken(what + " came with another body");
  if (delivery.status == DeliveryStatus::delivered && received == bodies_.end())
    verdict_.broken(what + " is marked delivered and never came");
}

void JobModel::check_quiescent(const Store& store) {
  check(store);
  for (const auto& [id, job] : stored_) {
    if (!job.finished()) verdict_.broken(name(job) + " never finishes");
  }
  for (const Delivery& delivery : deliveries_) {
    if (delivery.status == DeliveryStatus::pending)
      verdict_.broken("delivery " + delivery.id.str() + " is pending for ever");
  }
  std::set<DeliveryId> known;
  for (const Delivery& delivery : deliveries_) known.insert(delivery.id);
  for (const auto& [id, outcome] : outcomes_) {
    if (!stored_.contains(id)) known.insert(outcome.job.delivery);  // dropped together
  }
  for (const auto& [id, body] : bodies_) {
    if (!known.contains(id)) verdict_.broken("delivery " + id.str() + " came and is not stored");
  }
}

}  // namespace tally::sim

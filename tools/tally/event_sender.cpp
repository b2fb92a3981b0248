#include "tools/tally/event_sender.h"

namespace tally::tools {
namespace {

constexpr const char* events_path = "/operator/v1/events";
constexpr const char* ndjson = "application/x-ndjson";

}  // namespace

EventSender::EventSender(Session& session, SendRules rules) : session_(session), rules_(rules) {
  for (int i = 0; i < rules_.parallel; ++i) threads_.emplace_back([this] { work(); });
}

EventSender::~EventSender() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
  }
  finish();
}

bool EventSender::add(Batch batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || waiting_.size() < static_cast<std::size_t>(rules_.parallel); });
  if (failure_) return false;
  waiting_.push_back(std::move(batch));
  changed_.notify_all();
  return true;
}

std::optional<Failure> EventSender::finish() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return failure_;
}

SendTotals EventSender::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

void EventSender::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(
        lock, [this] { return failure_ || !to_make_.empty() || !waiting_.empty() || (closed_ && under_way_ == 0); });
    if (failure_) return;
    if (!to_make_.empty()) {
      make_account(lock);
      continue;
    }
    if (waiting_.empty()) return;
    const Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    ++under_way_;
    changed_.notify_all();
    if (!rules_.make_accounts || ensure_accounts(batch.accounts, lock)) {
      lock.unlock();
      auto failure = deliver(batch, 0, batch.ends.size());
      lock.lock();
      if (failure && !failure_) failure_ = std::move(failure);
    }
    --under_way_;
    changed_.notify_all();
  }
}

std::optional<Failure> EventSender::deliver(const Batch& batch, std::size_t begin, std::size_t end) {
  if (begin == end) return std::nullopt;
  const std::size_t first = begin == 0 ? 0 : batch.ends[begin - 1];
  const std::string body = batch.body.substr(first, batch.ends[end - 1] - first);
  auto answer = Api(session_).send("POST", events_path, ndjson, body, {rules_.attempts});
  if (!answer && answer.error().status == 413 && end - begin > 1) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (auto failure = deliver(batch, begin, middle)) return failure;
    return deliver(batch, middle, end);
  }
  if (!answer) return answer.error();
  const auto json = Json::parse(answer->body);
  if (!json || !(*json)["accepted"].is_number()) return Failure{Exit::refused, "the answer to events is not Tally's"};
  count(batch, begin, *json);
  return std::nullopt;
}

void EventSender::count(const Batch& batch, std::size_t begin, const Json& answer) {
  const Json rejected = answer["rejected"];
  const std::lock_guard lock(mutex_);
  totals_.accepted += static_cast<std::uint64_t>(answer["accepted"].integer());
  totals_.duplicates += static_cast<std::uint64_t>(answer["duplicates"].integer());
  totals_.rejected += rejected.size();
  for (std::size_t i = 0; i < rejected.size() && totals_.complaints.size() < rules_.complaints_max; ++i) {
    const Json one = rejected.item(i);
    const auto index = static_cast<std::size_t>(one["index"].integer());
    if (begin + index >= batch.line_numbers.size()) continue;
    totals_.complaints.push_back(
        {batch.line_numbers[begin + index], one["code"].text() + ": " + one["message"].text()});
  }
}

// A batch waits for its accounts, as the server refuses events of an unknown one. Whoever is free makes the next, so
// that the server commits several at once.
bool EventSender::ensure_accounts(const std::map<std::string, std::string>& accounts,
                                  std::unique_lock<std::mutex>& lock) {
  std::vector<std::string> missing;
  for (const auto& [id, name] : accounts) {
    if (id.empty() || known_accounts_.contains(id)) continue;
    missing.push_back(id);
    if (accounts_in_the_making_.insert(id).second) to_make_.emplace_back(id, name);
  }
  changed_.notify_all();
  while (!failure_) {
    while (!missing.empty() && known_accounts_.contains(missing.back())) missing.pop_back();
    if (missing.empty()) return true;
    if (to_make_.empty()) {
      changed_.wait(lock);
    } else {
      make_account(lock);
    }
  }
  return false;
}

void EventSender::make_account(std::unique_lock<std::mutex>& lock) {
  const auto [id, name] = std::move(to_make_.front());
  to_make_.pop_front();
  lock.unlock();
  JsonObject account;
  account.text("id", id).text("name", name).text("email", id + "@import.invalid");
  const auto made = Api(session_).call("POST", "/operator/v1/accounts", account.str(), {rules_.attempts});
  lock.lock();
  // 409: it is there already. 422: no valid id; the server refuses its events one by one and says why.
  if (!made && made.error().status != 409 && made.error().status != 422) {
    if (!failure_) failure_ = made.error();
  } else {
    if (made) ++totals_.accounts_made;
    accounts_in_the_making_.erase(id);
    known_accounts_.insert(id);
  }
  changed_.notify_all();
}

}  // namespace tally::tools

#include "http/finished_answers.h"

namespace tally::http {

namespace {

constexpr std::int64_t kept_ms = minute_ms;
constexpr std::size_t body_bytes_max = 64 * 1024;

std::string key_of(Dialect dialect, const AccountId& account, std::string_view id) {
  std::string key(1, static_cast<char>(dialect));
  key.append(account.str()).push_back('\0');
  key.append(id);
  return key;
}

}  // namespace

void FinishedAnswers::drop(Entries::iterator entry) {
  by_key_.erase(entry->key);
  bytes_ -= entry->body->size();
  entries_.erase(entry);
}

std::shared_ptr<const std::string> FinishedAnswers::find(Dialect dialect, const AccountId& account,
                                                         std::string_view id) {
  const std::string key = key_of(dialect, account, id);
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  const auto entry = found->second;
  if (entry->until <= clock_.now()) {
    drop(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->body;
}

void FinishedAnswers::keep(const Job& job, std::string body) {
  if (body.size() > body_bytes_max) return;
  std::string key = key_of(job.dialect, job.account, job.id.str());
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;
  entries_.push_front({std::move(key), std::make_shared<const std::string>(std::move(body)), clock_.now() + kept_ms});
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += entries_.front().body->size();
  while (bytes_ > bytes_max_) drop(std::prev(entries_.end()));
}

}  // namespace tally::http

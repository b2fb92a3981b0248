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

std::shared_ptr<const std::string> FinishedAnswers::find(Dialect dialect, const AccountId& account,
                                                         std::string_view id) {
  const std::string key = key_of(dialect, account, id);
  const std::lock_guard lock(mutex_);
  const Answer* answer = answers_.find(key);
  if (answer == nullptr) return nullptr;
  if (answer->until <= clock_.now()) {
    answers_.drop(key);
    return nullptr;
  }
  return answer->body;
}

void FinishedAnswers::keep(const Job& job, std::string body) {
  if (body.size() > body_bytes_max) return;
  std::string key = key_of(job.dialect, job.account, job.id.str());
  const std::size_t bytes = body.size();
  const std::lock_guard lock(mutex_);
  if (answers_.find(key) != nullptr) return;
  answers_.put(std::move(key), {std::make_shared<const std::string>(std::move(body)), clock_.now() + kept_ms}, bytes);
}

}  // namespace tally::http

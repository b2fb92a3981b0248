// Answers in a server's place, and a session around it that ends in strings.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "core/manual.h"
#include "tools/tally/session.h"

namespace tally::tools::testing {

class FakeServer final : public Transport {
 public:
  using Answerer = std::function<Result<HttpAnswer>(const HttpRequest&)>;
  explicit FakeServer(Answerer answer) : answer_(std::move(answer)) {}

  Result<HttpAnswer> send(const HttpRequest& request) override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    return answer_(request);
  }
  // All so far. Read it when nothing is in flight.
  const std::vector<HttpRequest>& requests() const { return requests_; }

 private:
  std::mutex mutex_;
  Answerer answer_;
  std::vector<HttpRequest> requests_;
};

inline HttpAnswer answer(int status, std::string body, std::string retry_after = {}) {
  return {status, std::move(body), std::move(retry_after)};
}

// Gives the answers one after the other, the last one again and again.
inline FakeServer::Answerer in_turn(std::vector<Result<HttpAnswer>> answers) {
  return [answers = std::move(answers), at = std::size_t{0}](const HttpRequest&) mutable {
    return answers[std::min(at++, answers.size() - 1)];
  };
}

struct Bench {
  explicit Bench(FakeServer::Answerer answerer) : server(std::move(answerer)) {
    session.settings.server = "http://tally.test";
    session.settings.operator_token = "token";
    session.settings.key = "key";
    session.settings.secret = "secret";
  }

  FakeServer server;
  ManualClock clock;
  SeededRandom random{1};
  std::ostringstream out;
  std::ostringstream err;
  std::mutex pauses_mutex;
  std::vector<std::int64_t> pauses;
  Session session{server,
                  clock,
                  random,
                  [this](std::int64_t ms) {
                    const std::lock_guard lock(pauses_mutex);
                    pauses.push_back(ms);
                    clock.advance_ms(ms);
                  },
                  out,
                  err,
                  {}};
};

inline std::string header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace tally::tools::testing

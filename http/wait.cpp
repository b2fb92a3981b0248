#include "http/wait.h"

#include <algorithm>
#include <atomic>
#include <charconv>

namespace tally::http {

std::optional<std::int64_t> preferred_wait_seconds(const Request& request) {
  for (const auto& [name, value] : request.headers) {
    if (name != "prefer") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(",;"), rest.size());
      std::string_view preference = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      while (preference.starts_with(' ')) preference.remove_prefix(1);
      while (preference.ends_with(' ')) preference.remove_suffix(1);
      if (!preference.starts_with("wait=")) continue;
      preference.remove_prefix(5);
      std::int64_t seconds = 0;
      const auto [last, error] = std::from_chars(preference.data(), preference.data() + preference.size(), seconds);
      if (error != std::errc() || last != preference.data() + preference.size() || seconds < 0) return std::nullopt;
      return std::min(seconds, wait_seconds_max);
    }
  }
  return std::nullopt;
}

struct Waiter::Waiting {
  std::atomic<std::uint64_t> watch{0};
  std::atomic<Loop::TimerId> timer{};
  RequestId id;
  std::function<void()> then;
};

Waiter::Waiter(queue::Jobs& jobs, std::function<Loop&()> loop) : jobs_(jobs), loop_(std::move(loop)) {}
Waiter::~Waiter() = default;

bool Waiter::end(const std::shared_ptr<Waiting>& waiting) {
  const std::lock_guard lock(mutex_);
  return waiting_.erase(waiting) > 0;
}

void Waiter::until_finished(const AccountId& account, const RequestId& id, std::int64_t seconds,
                            std::function<void()> then) {
  auto waiting = std::make_shared<Waiting>();
  waiting->id = id;
  waiting->then = std::move(then);
  Loop& loop = loop_();
  bool stopped = false;
  {
    const std::lock_guard lock(mutex_);
    stopped = stopped_;
    if (!stopped) waiting_.insert(waiting);
  }
  if (stopped) return waiting->then();
  waiting->timer = loop.after(seconds * second_ms, [this, waiting] {
    if (!end(waiting)) return;
    jobs_.unwatch(waiting->id, waiting->watch);
    waiting->then();
  });
  waiting->watch = jobs_.watch(account, id, [this, &loop, waiting] {
    if (!end(waiting)) return;
    loop.cancel(waiting->timer);
    loop.post([waiting] { waiting->then(); });
  });
}

void Waiter::stop() {
  std::unordered_set<std::shared_ptr<Waiting>> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting.swap(waiting_);
  }
  for (const auto& one : waiting) {
    jobs_.unwatch(one->id, one->watch);
    one->then();
  }
}

}  // namespace tally::http

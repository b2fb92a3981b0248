#include "tests/sim/faulty_transport.h"

#include <algorithm>
#include <iterator>

namespace tally::sim {

FaultyTransport::FaultyTransport(Random& random, Clock& clock, Observer sending, Observer received)
    : random_(random), clock_(clock), sending_(std::move(sending)), received_(std::move(received)) {}

void FaultyTransport::send(webhook::Attempt attempt, Done done) {
  sending_(attempt);
  auto mood = std::find_if(moods_.begin(), moods_.end(), [&](const auto& known) { return known.first == attempt.url; });
  if (mood == moods_.end()) mood = moods_.insert(mood, {attempt.url, Mood::flaky});
  UnderWay one{std::move(attempt), std::move(done), decide(mood->second), clock_.now(), false};
  one.reaches_receiver = one.outcome.status != 0 || (!one.outcome.permanent && random_.below(2) == 0);
  switch (random_.below(4)) {
    case 0:
      return answer(std::move(one));  // before send returns
    case 1:
      one.answer_at = one.answer_at + static_cast<std::int64_t>(random_.below(15 * second_ms));
      break;
    default:
      break;
  }
  under_way_.push_back(std::move(one));
}

AttemptOutcome FaultyTransport::decide(Mood mood) {
  AttemptOutcome outcome;
  const std::uint64_t dice = random_.below(100);
  if (mood == Mood::good || (mood == Mood::flaky && dice < 50)) {
    outcome.status = dice % 2 == 0 ? 200 : 204;
    return outcome;
  }
  outcome.error = "injected";
  if (dice < 60) {
    outcome.status = 500;
  } else if (dice < 70) {
    outcome.status = 429;
    outcome.retry_after_seconds = static_cast<std::int64_t>(random_.below(7200));
  } else if (dice < 75) {
    outcome.permanent = true;
  } else if (dice < 80) {
    outcome.status = 302;
  }
  return outcome;
}

void FaultyTransport::answer(UnderWay one) {
  if (one.reaches_receiver) received_(one.attempt);
  if (one.done) one.done(std::move(one.outcome));
}

bool FaultyTransport::answer_one() {
  std::vector<std::size_t> due;
  for (std::size_t i = 0; i < under_way_.size(); ++i) {
    if (under_way_[i].answer_at <= clock_.now()) due.push_back(i);
  }
  if (due.empty()) return false;
  const auto chosen = under_way_.begin() + static_cast<std::ptrdiff_t>(due[random_.below(due.size())]);
  UnderWay one = std::move(*chosen);
  under_way_.erase(chosen);
  answer(std::move(one));
  return true;
}

void FaultyTransport::sender_died() {
  for (UnderWay& one : under_way_) {
    if (random_.below(2) == 0) one.done = nullptr;
  }
}

std::optional<UtcTime> FaultyTransport::next_answer() const {
  const auto first = std::min_element(under_way_.begin(), under_way_.end(),
                                      [](const auto& a, const auto& b) { return a.answer_at < b.answer_at; });
  if (first == under_way_.end()) return std::nullopt;
  return first->answer_at;
}

void FaultyTransport::change_a_mood() {
  if (moods_.empty()) return;
  moods_[random_.below(moods_.size())].second = static_cast<Mood>(random_.below(3));
}

}  // namespace tally::sim

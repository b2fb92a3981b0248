// Receivers on the other side of a bad network, as a seed decides.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "webhook/transport.h"

namespace tally::sim {

// A POST is answered 2xx, 500, 429 with Retry-After, or not at all, at once or much later; it may reach the receiver
// although the sender saw a failure, and it may be refused for good. Receivers have their bad times. It outlives the
// processes that send with it, as the network does. For one thread.
class FaultyTransport final : public webhook::Transport {
 public:
  using Observer = std::function<void(const webhook::Attempt&)>;
  // `sending` sees each attempt as it is handed over, `received` each one that reaches its receiver.
  FaultyTransport(Random& random, Clock& clock, Observer sending, Observer received);

  void send(webhook::Attempt attempt, Done done) override;

  // Answers one of those that have an answer by now. False when none has.
  bool answer_one();
  // The sending process is gone: some answers come all the same, later.
  void sender_died();
  // When the next answer comes, if any is under way.
  std::optional<UtcTime> next_answer() const;
  std::size_t under_way() const noexcept { return under_way_.size(); }
  void change_a_mood();

 private:
  enum class Mood : std::uint8_t { good, flaky, dead };
  struct UnderWay {
    webhook::Attempt attempt;
    Done done;
    AttemptOutcome outcome;
    UtcTime answer_at;
    bool reaches_receiver;
  };
  AttemptOutcome decide(Mood mood);
  void answer(UnderWay one);

  Random& random_;
  Clock& clock_;
  Observer sending_;
  Observer received_;
  std::vector<std::pair<std::string, Mood>> moods_;  // by URL
  std::vector<UnderWay> under_way_;
};

}  // namespace tally::sim

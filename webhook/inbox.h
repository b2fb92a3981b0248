// Where other threads leave what they have to tell the dispatcher.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "core/delivery.h"
#include "webhook/attempt_record.h"

namespace tally::webhook {

inline constexpr std::size_t inbox_offers_max = 500'000;

struct Offered {
  AccountId account;
  DeliveryId id;
};
struct Answered {
  DeliveryId id;
  AttemptOutcome outcome;
  KnownDelivery before;
};
using InboxEvent = std::variant<Offered, Answered, std::shared_ptr<Recorded>>;

// Shared with callbacks that may outlive the dispatcher.
class Inbox {
 public:
  void push(InboxEvent event) {
    const std::scoped_lock lock(mutex_);
    // The store has what is turned away here, and a pass over it will find it.
    if (std::holds_alternative<Offered>(event) && events_.size() >= inbox_offers_max) {
      offers_lost_ = true;
      return;
    }
    const bool many_answered = std::holds_alternative<Answered>(event) && --answers_until_many_ == 0;
    events_.push_back(std::move(event));
    if (!wake_) return;
    if (events_.size() == 1) wake_();
    if (many_answered) wake_();
  }

  void on_wake(std::function<void()> wake) {
    const std::scoped_lock lock(mutex_);
    wake_ = std::move(wake);
    if (wake_ && !events_.empty()) wake_();
  }

  // After so many answers the dispatcher is woken once more.
  void expect_answers(std::size_t many) {
    const std::scoped_lock lock(mutex_);
    answers_until_many_ = many;
  }

  // Moves everything into `events`; true when an offer was turned away since the last call.
  bool take(std::vector<InboxEvent>& events) {
    events.clear();
    const std::scoped_lock lock(mutex_);
    events.swap(events_);
    return std::exchange(offers_lost_, false);
  }

 private:
  std::mutex mutex_;
  std::vector<InboxEvent> events_;
  std::size_t answers_until_many_ = 0;
  bool offers_lost_ = false;
  std::function<void()> wake_;
};

}  // namespace tally::webhook

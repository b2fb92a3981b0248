// Which delivery may be attempted now: a heap of due times and one lane per receiver, so that a dead receiver delays
// nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/ids.h"
#include "core/time.h"

namespace tally::webhook {

struct LaneLimits {
  std::uint32_t per_receiver = 8;  // attempts in flight
  std::uint32_t total = 256;
  std::size_t entries_max = 500'000;           // pending deliveries kept in memory, about 200 bytes each
  std::size_t entries_per_lane_max = 200'000;  // so that one receiver's backlog leaves room for the others
};

// Where deliveries go. Shared by all that have the same URL and webhook.
struct Route {
  std::string url;
  std::string receiver;         // names the lane; empty when the policy refuses the URL
  std::string refusal;          // why, then
  std::string webhook_id = {};  // of what goes there; empty for a callback_url
};
using RoutePtr = std::shared_ptr<const Route>;

// One thread at a time. An entry is waiting (for its time or for its lane's turn), in flight, or held (answered, the
// record of the attempt is on its way to the disk).
class Lanes {
 public:
  struct Entry {
    AccountId account;
    DeliveryId id;
    RoutePtr route;
  };
  enum class Admission : std::uint8_t { taken, known, lane_full, full };

  explicit Lanes(LaneLimits limits) : limits_(limits) {}

  // `lane_full`, `full` (for every lane): not kept; has_room_again() tells when to come back with what was turned away.
  Admission add(AccountId account, DeliveryId id, RoutePtr route, UtcTime due);
  bool knows(const DeliveryId& id) const { return entries_.contains(id); }

  // The next entry that is due and within the limits, now in flight; lanes take turns. Null: none.
  const Entry* take(UtcTime now);
  // Null when it is unknown.
  const Entry* find(const DeliveryId& id) const;

  // In flight -> held. A lane whose last attempt failed gets one attempt at a time until one succeeds, so a dead
  // receiver holds one slot and not its whole share.
  void answered(const DeliveryId& id, bool success);
  // In flight -> waiting, without an attempt having been made.
  void postpone(const DeliveryId& id, UtcTime due);
  // Held -> waiting.
  void wait(const DeliveryId& id, UtcTime due);
  // Held or in flight -> unknown.
  void remove(const DeliveryId& id);

  // The earliest time at which take() may have more to give than now, unless an attempt ends before.
  std::optional<UtcTime> next_due() const;

  // True once after something was turned away and there is room for it again.
  bool has_room_again();

  std::size_t size() const noexcept { return entries_.size(); }
  std::uint32_t in_flight() const noexcept { return in_flight_; }
  std::size_t held() const noexcept { return held_; }

 private:
  struct Slot;
  struct Lane {
    std::string receiver;
    std::deque<Slot*> ready;
    std::size_t entries = 0;
    std::uint32_t in_flight = 0;
    bool failing = false;
    bool turned_away = false;
    bool queued = false;  // in turns_
  };
  enum class State : std::uint8_t { waiting, in_flight, held };
  struct Slot {
    Entry entry;
    Lane* lane;
    State state;
  };
  struct Due {
    UtcTime at;
    std::uint64_t number;  // equal times go in the order they came
    Slot* slot;
    bool operator>(const Due& other) const { return at != other.at ? at > other.at : number > other.number; }
  };

  Lane& lane_of(const std::string& receiver);
  void schedule(Slot& slot, UtcTime due);
  bool has_turn(const Lane& lane) const;
  void queue_turn(Lane& lane);
  void leave_flight(Slot& slot);
  Slot& slot_of(const DeliveryId& id);

  LaneLimits limits_;
  std::unordered_map<DeliveryId, Slot> entries_;
  std::unordered_map<std::string, std::unique_ptr<Lane>> lanes_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::deque<Lane*> turns_;  // lanes that may start an attempt
  std::uint64_t next_number_ = 0;
  std::uint32_t in_flight_ = 0;
  std::size_t held_ = 0;
  bool turned_away_ = false;
  bool room_again_ = false;
};

}  // namespace tally::webhook

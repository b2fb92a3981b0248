// Which delivery may be attempted now: a heap of due times and one lane per receiver, so that a dead receiver delays
// nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
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
  std::uint32_t per_receiver = 8;              // attempts in flight
  std::uint32_t total = 256;                   // as many again may be overdue
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
//
// Silent receivers must not take the places of those that answer. An attempt is a venture when its lane failed last, or
// has others in flight and has not succeeded yet: ventures have at most half of the places. An attempt that was not
// answered within overdue_ms is overdue and gives its place away, unless there are `total` overdue already.
class Lanes {
 public:
  static constexpr std::int64_t overdue_ms = 1000;

  struct Entry {
    AccountId account;
    DeliveryId id;
    RoutePtr route;
    std::string row = {};  // the stored delivery, if it is kept here
  };
  enum class Admission : std::uint8_t { taken, known, lane_full, full };

  explicit Lanes(LaneLimits limits) : limits_(limits) {}

  // `lane_full`, `full` (for every lane): not kept; has_room_again() tells when to come back with what was turned away.
  Admission add(AccountId account, DeliveryId id, RoutePtr route, UtcTime due, std::string row = {});
  bool knows(const DeliveryId& id) const { return entries_.contains(id); }

  // The next entry that is due and within the limits, now in flight; lanes take turns. Null: none.
  Entry* take(UtcTime now);
  // Null when it is unknown.
  const Entry* find(const DeliveryId& id) const;

  // In flight -> held. A lane whose last attempt failed gets one attempt at a time until one succeeds, so a dead
  // receiver holds one place and not its whole share.
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
    enum class Last : std::uint8_t { none, success, failure } last = Last::none;  // what the last attempt brought
    bool turned_away = false;
    std::list<Lane*>* turns = nullptr;  // the list that holds it, if it may start an attempt
    std::list<Lane*> self{this};        // holds it else
    const std::list<Lane*>::iterator node = self.begin();
  };
  enum class State : std::uint8_t { waiting, in_flight, held };
  struct Slot {
    Entry entry;
    Lane* lane;
    State state;
    // While in flight:
    bool venture = false;
    bool overdue = false;
    UtcTime started = {};
    Slot* older = nullptr;  // of those that are not overdue
    Slot* younger = nullptr;
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
  static bool would_venture(const Lane& lane);
  bool has_place() const { return in_flight_ - overdue_ < limits_.total; }
  void queue_turn(Lane& lane);  // where it belongs; to be called after each change of the lane
  static void move_turn(Lane& lane, std::list<Lane*>* turns);
  Lane* next_turn() const;
  void start_flight(Slot& slot, UtcTime now);
  void leave_flight(Slot& slot);
  void unlink(Slot& slot);
  void note_overdue(UtcTime now);
  Slot& slot_of(const DeliveryId& id);

  LaneLimits limits_;
  std::unordered_map<DeliveryId, Slot> entries_;
  std::unordered_map<std::string, std::unique_ptr<Lane>> lanes_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::list<Lane*> turns_;  // lanes that may start an attempt
  std::list<Lane*> venture_turns_;
  Slot* oldest_ = nullptr;  // in flight and not overdue
  Slot* youngest_ = nullptr;
  std::uint64_t next_number_ = 0;
  std::uint32_t in_flight_ = 0;
  std::uint32_t ventures_ = 0;  // of these
  std::uint32_t overdue_ = 0;   // of these
  std::size_t held_ = 0;
  bool turned_away_ = false;
  bool room_again_ = false;
};

}  // namespace tally::webhook

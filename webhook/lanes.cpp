#include "webhook/lanes.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tally::webhook {

Lanes::Lane& Lanes::lane_of(const std::string& receiver) {
  auto& lane = lanes_[receiver];
  if (!lane) {
    lane = std::make_unique<Lane>();
    lane->receiver = receiver;
  }
  return *lane;
}

Lanes::Slot& Lanes::slot_of(const DeliveryId& id) {
  const auto found = entries_.find(id);
  assert(found != entries_.end());
  return found->second;
}

const Lanes::Entry* Lanes::find(const DeliveryId& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.entry;
}

Lanes::Admission Lanes::add(AccountId account, DeliveryId id, RoutePtr route, UtcTime due, std::string row) {
  if (knows(id)) return Admission::known;
  if (entries_.size() >= limits_.entries_max) {
    turned_away_ = true;
    return Admission::full;
  }
  Lane& lane = lane_of(route->receiver);
  if (lane.entries >= limits_.entries_per_lane_max) {
    lane.turned_away = true;
    return Admission::lane_full;
  }
  ++lane.entries;
  Slot slot{{std::move(account), id, std::move(route), std::move(row)}, &lane, State::waiting};
  schedule(entries_.emplace(std::move(id), std::move(slot)).first->second, due);
  return Admission::taken;
}

void Lanes::schedule(Slot& slot, UtcTime due) {
  slot.state = State::waiting;
  due_.push({due, next_number_++, &slot});
}

bool Lanes::has_turn(const Lane& lane) const {
  return !lane.ready.empty() && lane.in_flight < (lane.last == Lane::Last::failure ? 1 : limits_.per_receiver);
}

bool Lanes::would_venture(const Lane& lane) {
  return lane.last == Lane::Last::failure || (lane.last == Lane::Last::none && lane.in_flight > 0);
}

void Lanes::move_turn(Lane& lane, std::list<Lane*>* turns) {
  std::list<Lane*>& from = lane.turns == nullptr ? lane.self : *lane.turns;
  std::list<Lane*>& to = turns == nullptr ? lane.self : *turns;
  to.splice(to.end(), from, lane.node);
  lane.turns = turns;
}

void Lanes::queue_turn(Lane& lane) {
  std::list<Lane*>* turns = nullptr;
  if (has_turn(lane)) turns = would_venture(lane) ? &venture_turns_ : &turns_;
  if (turns != lane.turns) move_turn(lane, turns);
}

Lanes::Lane* Lanes::next_turn() const {
  if (!has_place()) return nullptr;
  if (!turns_.empty()) return turns_.front();
  if (venture_turns_.empty() || ventures_ >= std::max(1u, limits_.total / 2)) return nullptr;
  return venture_turns_.front();
}

Lanes::Entry* Lanes::take(UtcTime now) {
  while (!due_.empty() && due_.top().at <= now) {
    Slot* slot = due_.top().slot;
    due_.pop();
    slot->lane->ready.push_back(slot);
    queue_turn(*slot->lane);
  }
  note_overdue(now);
  Lane* lane = next_turn();
  if (lane == nullptr) return nullptr;
  Slot& slot = *lane->ready.front();
  lane->ready.pop_front();
  start_flight(slot, now);
  move_turn(*lane, nullptr);  // behind the others
  queue_turn(*lane);
  return &slot.entry;
}

void Lanes::start_flight(Slot& slot, UtcTime now) {
  slot.state = State::in_flight;
  slot.venture = would_venture(*slot.lane);
  slot.overdue = false;
  slot.started = now;
  slot.older = youngest_;
  slot.younger = nullptr;
  (youngest_ == nullptr ? oldest_ : youngest_->younger) = &slot;
  youngest_ = &slot;
  ++slot.lane->in_flight;
  ++in_flight_;
  if (slot.venture) ++ventures_;
}

void Lanes::unlink(Slot& slot) {
  (slot.older == nullptr ? oldest_ : slot.older->younger) = slot.younger;
  (slot.younger == nullptr ? youngest_ : slot.younger->older) = slot.older;
}

void Lanes::note_overdue(UtcTime now) {
  while (oldest_ != nullptr && overdue_ < limits_.total && oldest_->started + overdue_ms <= now) {
    oldest_->overdue = true;
    ++overdue_;
    unlink(*oldest_);
  }
}

void Lanes::leave_flight(Slot& slot) {
  assert(slot.state == State::in_flight);
  if (slot.overdue) {
    --overdue_;
  } else {
    unlink(slot);
  }
  if (slot.venture) --ventures_;
  --slot.lane->in_flight;
  --in_flight_;
  queue_turn(*slot.lane);
}

void Lanes::answered(const DeliveryId& id, bool success) {
  Slot& slot = slot_of(id);
  slot.lane->last = success ? Lane::Last::success : Lane::Last::failure;
  leave_flight(slot);
  slot.state = State::held;
  ++held_;
}

void Lanes::postpone(const DeliveryId& id, UtcTime due) {
  Slot& slot = slot_of(id);
  leave_flight(slot);
  schedule(slot, due);
}

void Lanes::wait(const DeliveryId& id, UtcTime due) {
  Slot& slot = slot_of(id);
  assert(slot.state == State::held);
  --held_;
  schedule(slot, due);
}

void Lanes::remove(const DeliveryId& id) {
  const auto found = entries_.find(id);
  assert(found != entries_.end());
  Slot& slot = found->second;
  Lane& lane = *slot.lane;
  if (slot.state == State::in_flight) {
    leave_flight(slot);
  } else {
    assert(slot.state == State::held);
    --held_;
  }
  entries_.erase(found);
  --lane.entries;
  // At half, so that coming back for more is worth a pass over the store.
  if (lane.turned_away && lane.entries <= limits_.entries_per_lane_max / 2) {
    lane.turned_away = false;
    room_again_ = true;
  }
  if (turned_away_ && entries_.size() <= limits_.entries_max / 2) {
    turned_away_ = false;
    room_again_ = true;
  }
  if (lane.entries > 0) return;
  assert(lane.turns == nullptr);
  lanes_.erase(std::string(lane.receiver));
}

std::optional<UtcTime> Lanes::next_due() const {
  std::optional<UtcTime> next;
  if (!due_.empty()) next = due_.top().at;
  const bool all_wait = !has_place() && !(turns_.empty() && venture_turns_.empty());
  if (all_wait && overdue_ < limits_.total && oldest_ != nullptr) {
    const UtcTime at = oldest_->started + overdue_ms;
    next = next ? std::min(*next, at) : at;
  }
  return next;
}

bool Lanes::has_room_again() {
  return std::exchange(room_again_, false);
}

}  // namespace tally::webhook

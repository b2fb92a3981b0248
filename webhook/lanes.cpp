#include "webhook/lanes.h"

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

Lanes::Admission Lanes::add(AccountId account, DeliveryId id, RoutePtr route, UtcTime due) {
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
  Slot slot{{std::move(account), id, std::move(route)}, &lane, State::waiting};
  schedule(entries_.emplace(std::move(id), std::move(slot)).first->second, due);
  return Admission::taken;
}

void Lanes::schedule(Slot& slot, UtcTime due) {
  slot.state = State::waiting;
  due_.push({due, next_number_++, &slot});
}

bool Lanes::has_turn(const Lane& lane) const {
  return !lane.ready.empty() && lane.in_flight < (lane.failing ? 1 : limits_.per_receiver);
}

void Lanes::queue_turn(Lane& lane) {
  if (lane.queued || !has_turn(lane)) return;
  lane.queued = true;
  turns_.push_back(&lane);
}

const Lanes::Entry* Lanes::take(UtcTime now) {
  while (!due_.empty() && due_.top().at <= now) {
    Slot* slot = due_.top().slot;
    due_.pop();
    slot->lane->ready.push_back(slot);
    queue_turn(*slot->lane);
  }
  while (!turns_.empty() && in_flight_ < limits_.total) {
    Lane& lane = *turns_.front();
    turns_.pop_front();
    lane.queued = false;
    if (!has_turn(lane)) continue;  // it began to fail meanwhile; the end of an attempt queues it again
    Slot& slot = *lane.ready.front();
    lane.ready.pop_front();
    slot.state = State::in_flight;
    ++lane.in_flight;
    ++in_flight_;
    queue_turn(lane);
    return &slot.entry;
  }
  return nullptr;
}

void Lanes::leave_flight(Slot& slot) {
  assert(slot.state == State::in_flight);
  --slot.lane->in_flight;
  --in_flight_;
  queue_turn(*slot.lane);
}

void Lanes::answered(const DeliveryId& id, bool success) {
  Slot& slot = slot_of(id);
  slot.lane->failing = !success;
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
  assert(!lane.queued);
  lanes_.erase(std::string(lane.receiver));
}

std::optional<UtcTime> Lanes::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.top().at;
}

bool Lanes::has_room_again() {
  return std::exchange(room_again_, false);
}

}  // namespace tally::webhook

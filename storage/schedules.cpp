#include "storage/schedules.h"

namespace tally::storage {

namespace {

Result<Schedule> stored_schedule(AccountTx& tx, const ScheduleId& id) {
  const auto row = tx.get(Table::schedule, id.str());
  if (!row) return row.error();
  if (!*row) return fail(Errc::not_found, "no such schedule");
  return decode_schedule(**row);
}

}  // namespace

Result<void> Schedules::load(const Store& store) {
  std::optional<Error> broken;
  const std::scoped_lock lock(mutex_);
  const auto scanned =
      store.scan_all(Table::schedule, AccountId(), [&](std::string_view, std::string_view, std::string_view value) {
        auto schedule = decode_schedule(value);
        if (!schedule) return broken = schedule.error(), false;
        const ScheduleId id = schedule->id;
        all_.insert_or_assign(id, std::move(*schedule));
        return true;
      });
  if (broken) return *broken;
  return scanned;
}

std::optional<Schedule> Schedules::find(const ScheduleId& id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = all_.find(id);
  return found == all_.end() ? std::nullopt : std::optional(found->second);
}

Schedules::Page Schedules::list(std::size_t limit, std::string_view after) const {
  const std::scoped_lock lock(mutex_);
  Page page;
  for (auto one = all_.upper_bound(ScheduleId(std::string(after))); one != all_.end(); ++one) {
    if (page.items.size() == limit) {
      page.next = page.items.back().id.str();
      break;
    }
    page.items.push_back(one->second);
  }
  return page;
}

std::vector<Schedule> Schedules::due(UtcTime now) const {
  std::vector<Schedule> due;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, schedule] : all_) {
    if (schedule.next_due && *schedule.next_due <= now) due.push_back(schedule);
  }
  return due;
}

std::size_t Schedules::size() const {
  const std::scoped_lock lock(mutex_);
  return all_.size();
}

Result<Schedule> Schedules::create(AccountTx& tx, Schedule schedule) {
  tx.put(Table::schedule, schedule.id.str(), encode(schedule));
  tx.on_commit([this, schedule](Position) {
    const std::scoped_lock lock(mutex_);
    all_.insert_or_assign(schedule.id, schedule);
  });
  return schedule;
}

Result<Schedule> Schedules::change(AccountTx& tx, const ScheduleId& id,
                                   const std::function<Result<void>(Schedule&)>& change) {
  auto schedule = stored_schedule(tx, id);
  if (!schedule) return schedule;
  if (auto changed = change(*schedule); !changed) return changed.error();
  return create(tx, std::move(*schedule));
}

Result<void> Schedules::remove(AccountTx& tx, const ScheduleId& id) {
  if (auto schedule = stored_schedule(tx, id); !schedule) return schedule.error();
  tx.erase(Table::schedule, id.str());
  tx.on_commit([this, id](Position) {
    const std::scoped_lock lock(mutex_);
    all_.erase(id);
  });
  return {};
}

}  // namespace tally::storage

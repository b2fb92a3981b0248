// Scheduled reports in memory, and changed only through the writer.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "core/schedule.h"
#include "storage/writer.h"

namespace tally::storage {

// What it answers is committed; a change is visible to every thread before its command is done. Thread-safe.
class Schedules {
 public:
  // Reads everything; call once, first.
  Result<void> load(const Store& store);

  std::optional<Schedule> find(const ScheduleId& id) const;
  struct Page {
    std::vector<Schedule> items;
    std::string next;  // empty: the last page
  };
  // In the order of their ids; `after` is an earlier page's `next`.
  Page list(std::size_t limit, std::string_view after) const;
  // Active ones whose next due time has come.
  std::vector<Schedule> due(UtcTime now) const;
  std::size_t size() const;

  // Within a command of the schedule's account. Errc::not_found; an error means that nothing was written.
  Result<Schedule> create(AccountTx& tx, Schedule schedule);
  Result<Schedule> change(AccountTx& tx, const ScheduleId& id, const std::function<Result<void>(Schedule&)>& change);
  Result<void> remove(AccountTx& tx, const ScheduleId& id);

 private:
  mutable std::mutex mutex_;
  std::map<ScheduleId, Schedule> all_;
};

}  // namespace tally::storage

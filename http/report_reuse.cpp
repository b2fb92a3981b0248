#include "http/report_reuse.h"

#include <iterator>

#include "http/result_writer.h"

namespace tally::http {

namespace {

std::string reuse_key(const AccountId& account, std::string_view order) {
  std::string key = account.str();
  key.push_back('\0');
  return key.append(order);
}

}  // namespace

void ReportReuse::drop(Entries::iterator entry) {
  bytes_ -= entry->key.size() + entry->result.size();
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

std::optional<std::string> ReportReuse::find(const AccountId& account, std::string_view order,
                                             const DataVersion& version) {
  const std::string key = reuse_key(account, order);
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const auto entry = found->second;
  if (entry->version != version) {
    drop(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->result;
}

void ReportReuse::keep(const AccountId& account, std::string_view order, const DataVersion& version,
                       std::string_view result) {
  if (result.size() > result_part_bytes) return;
  std::string key = reuse_key(account, order);
  const std::lock_guard lock(mutex_);
  if (const auto before = by_key_.find(key); before != by_key_.end()) drop(before->second);
  entries_.push_front({std::move(key), version, std::string(result)});
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += entries_.front().key.size() + entries_.front().result.size();
  while (bytes_ > bytes_max_) drop(std::prev(entries_.end()));
}

}  // namespace tally::http

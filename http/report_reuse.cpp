#include "http/report_reuse.h"

#include "http/result_writer.h"

namespace tally::http {

namespace {

std::string reuse_key(const AccountId& account, std::string_view order) {
  std::string key = account.str();
  key.push_back('\0');
  return key.append(order);
}

}  // namespace

std::optional<std::string> ReportReuse::find(const AccountId& account, std::string_view order,
                                             const DataVersion& version) {
  const std::string key = reuse_key(account, order);
  const std::lock_guard lock(mutex_);
  const Known* known = results_.find(key);
  if (known == nullptr) return std::nullopt;
  if (known->version != version) {
    results_.drop(key);
    return std::nullopt;
  }
  return known->result;
}

void ReportReuse::keep(const AccountId& account, std::string_view order, const DataVersion& version,
                       std::string_view result) {
  if (result.size() > result_part_bytes) return;
  std::string key = reuse_key(account, order);
  const std::size_t bytes = key.size() + result.size();
  const std::lock_guard lock(mutex_);
  results_.put(std::move(key), {version, std::string(result)}, bytes);
}

}  // namespace tally::http

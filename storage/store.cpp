#include "storage/store.h"

#include "core/rollup.h"

namespace tally::storage {

const AccountId& system_account() {
  static const AccountId id("_system");
  return id;
}

namespace {

Result<void> check_add(const Batch::Op& op) {
  if (op.table != Table::rollup_day && op.table != Table::rollup_month) {
    return fail(Errc::invalid_argument, "only rollup rows can be added to");
  }
  if (!check_rollup_row(op.value)) return fail(Errc::invalid_argument, "a delta is no encoded RollupRow");
  return {};
}

}  // namespace

Result<void> check(std::span<const Batch> batches) {
  for (const Batch& batch : batches) {
    const std::string& account = batch.account().str();
    if (account.empty() || account.find('\0') != std::string::npos) {
      return fail(Errc::invalid_argument, "an account id is empty or holds a zero byte");
    }
    for (const Batch::Op& op : batch.ops()) {
      if (op.kind != Batch::Kind::add) continue;
      if (auto ok = check_add(op); !ok) return ok;
    }
  }
  return {};
}

}  // namespace tally::storage

#include "storage/settled_rows.h"

namespace tally::storage {

// The view is taken last: what has left the tails by then is in it.
SettledRows::SettledRows(const Store& store, const Ledgers& ledgers, const Meter& meter,
                         std::span<const AccountId> accounts) {
  for (const AccountId& account : accounts) {
    if (!ledgers.tail().is_written(account) || !meter.is_settled(account)) busy_.insert(account);
  }
  rows_ = store.walk();
}

}  // namespace tally::storage

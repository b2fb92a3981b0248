// A view of many accounts for one thread that reads them in their order.
//
// What is committed of an account follows into its rows (storage/write_behind.h). Where all of it is there, which is so
// for all but those that are busy just now, the rows alone tell everything and are read without looking elsewhere.
#pragma once

#include <memory>
#include <span>
#include <unordered_set>

#include "storage/ledgers.h"
#include "storage/meter.h"
#include "storage/store.h"

namespace tally::storage {

class SettledRows {
 public:
  // Takes the view.
  SettledRows(const Store& store, const Ledgers& ledgers, const Meter& meter, std::span<const AccountId> accounts);

  // One of `accounts`: rows with all that had been committed of it when the view was taken. Null: it was busy, and has
  // to be read by itself.
  const Rows* of(const AccountId& account) const { return busy_.contains(account) ? nullptr : rows_.get(); }

 private:
  std::unordered_set<AccountId> busy_;
  std::shared_ptr<const Rows> rows_;
};

}  // namespace tally::storage

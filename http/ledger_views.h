// Balances, lots, open holds and ledger entries as they are read: the same for the operator and for the customer.
#pragma once

#include <functional>
#include <string_view>

#include "core/ids.h"
#include "http/request.h"
#include "storage/directory.h"
#include "storage/ledgers.h"

namespace tally::http {

// The seq of the first of the account's `last` entries that is not before `at`, or last + 1: no entry is dated before
// the one before it.
Result<std::uint64_t> first_entry_at(const storage::Ledgers& ledgers, const AccountId& account, std::uint64_t last,
                                     UtcTime at);

// Everything is as of now: what time has changed until then is posted first. Thread-safe. `answer` is called at once or
// on the committer's thread.
class LedgerViews {
 public:
  using Answer = std::function<void(Response)>;

  LedgerViews(storage::Ledgers& ledgers, const storage::Directory& directory)
      : ledgers_(ledgers), directory_(directory) {}

  // `balance`, `reserved`, `available`, `debt`.
  void balance(const AccountId& account, Answer answer) const;
  // A page of `limit` lots in the order they were granted, from after `cursor`; with `status=open` those that have
  // something left.
  void lots(const AccountId& account, const Request& request, Answer answer) const;
  // A page of `limit` open holds in the order they were made, from after `cursor`.
  void holds(const AccountId& account, const Request& request, Answer answer) const;
  // A page of `limit` entries, the newest first, from before `cursor`; of one `type`, from `from` (inclusive) to `to`
  // (exclusive). A page may hold fewer and still have a next one.
  void entries(const AccountId& account, const Request& request, Answer answer) const;
  // One entry in full, with the price that it was charged by. 404 for an id that is none.
  void entry(const AccountId& account, std::string_view id, Answer answer) const;

 private:
  struct Filter;
  Response entries_page(const AccountId& account, const Filter& filter, std::uint64_t last) const;
  Response lots_page(const AccountId& account, const LedgerState& state, std::uint64_t after, std::size_t limit,
                     bool open_only) const;

  storage::Ledgers& ledgers_;
  const storage::Directory& directory_;
};

}  // namespace tally::http

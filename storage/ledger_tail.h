// What of the accounts' ledgers is committed but not in their rows yet.
//
// A change of a ledger is one record in the journal; its rows follow behind, an account at a time, so that many debits
// cost one row. Readers look here first and then at the rows. A restart reads the journal's tail again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "storage/journal_record.h"
#include "storage/writer.h"

namespace tally::storage {

struct LedgerTailOptions {
  std::size_t unwritten_changes_max = 131'072;  // over all accounts; past it those that waited longest are written
  std::size_t unwritten_changes_per_account_max = 4'096;  // bounds how long one account's write holds up the others
  std::int64_t write_after_ms = 2'000;
};

// Thread-safe.
class LedgerTail {
 public:
  LedgerTail(Store& store, Writer& writer, const Clock& clock, LedgerTailOptions options);
  ~LedgerTail();

  // A record was committed at `position`. In commit order, on the committer's thread (or before any thread runs).
  void publish(const AccountId& account, LedgerRecord record, Position position);

  // The latest committed bytes, if they are not in the rows.
  std::optional<std::string> state(const AccountId& account) const;
  std::optional<std::string> hold(const AccountId& account, std::uint64_t number) const;

  // A copy of what is to be read behind the rows: rows may hold parts of it already.
  struct Part {
    std::uint64_t first_entry = 0;     // 0: no entries
    std::vector<std::string> entries;  // rows, in order
    std::map<std::uint64_t, std::string> lots;
  };
  Part part(const AccountId& account) const;

  // Nothing of the account is kept here.
  bool is_written(const AccountId& account) const;

  // Writes what has waited long enough; call every 100 ms or so.
  void tick();
  // Posts writes for everything.
  void write_all();

  // Every committed record before this position is in its rows. Nothing: all are.
  std::optional<Position> oldest() const;
  Position last_published() const noexcept { return last_published_; }

 private:
  struct EntryRow {
    std::uint64_t last_entry = 0;
    std::size_t blocks = 0;
    std::string bytes;
  };
  struct Unwritten {
    std::string state;  // empty: there is nothing
    std::uint64_t first_entry = 0;
    std::vector<EntryRow> entries;
    std::map<std::uint64_t, std::string> lots;
    std::map<std::uint64_t, std::string> holds;
    std::size_t changes = 0;
    Position first = 0;
    Position through = 0;

    void add(LedgerRecord record, Position position);
  };
  struct Account {
    Unwritten fresh;
    std::shared_ptr<const Unwritten> writing;  // handed to the writer, maybe already committed
    std::int64_t dirty_since_ms = 0;
    bool write_posted = false;
  };
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<AccountId, Account> accounts;
  };
  Stripe& stripe_of(const AccountId& account) const;
  void write(const AccountId& account);
  void write_rows(AccountTx& tx, const Unwritten& unwritten) const;
  void written(const AccountId& account);
  void refused(const AccountId& account, const std::shared_ptr<const Unwritten>& unwritten);
  void write_waiting(std::int64_t due_ms);

  Store& store_;
  Writer& writer_;
  const Clock& clock_;
  const LedgerTailOptions options_;
  mutable std::array<Stripe, 16> stripes_;

  std::mutex order_mutex_;
  std::deque<AccountId> order_;  // accounts with something fresh, the longest waiting first
  std::atomic<std::uint64_t> fresh_changes_{0};
  std::atomic<Position> last_published_{0};
};

}  // namespace tally::storage

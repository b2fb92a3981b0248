// What of the accounts' ledgers is committed but not in their rows yet.
//
// A change of a ledger is one record in the journal; its rows follow behind, so that many debits cost one row. Readers
// look here first and then at the rows. A restart reads the journal's tail again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/journal_record.h"
#include "storage/write_behind.h"

namespace tally::storage {

// The key of an entry's, a lot's or a hold's row: rows lie in the order of their numbers.
std::string number_key(std::uint64_t number);

// Thread-safe.
class LedgerTail {
 public:
  LedgerTail(const Store& store, Writer& writer, const Clock& clock, WriteBehindOptions options);

  // A record was committed at `position`. In commit order, on the committer's thread (or before any thread runs).
  void publish(const AccountId& account, LedgerRecord record, Position position);

  // The latest committed bytes, if they are not in the rows.
  std::optional<std::string> hold(const AccountId& account, std::uint64_t number) const;

  // A copy of what is to be read behind the rows, which may hold parts of it already.
  struct Part {
    std::uint64_t first_entry = 0;     // 0: no entries
    std::vector<std::string> entries;  // rows, in order
    std::map<std::uint64_t, std::string> lots;
    std::map<std::uint64_t, std::string> holds;
  };
  Part part(const AccountId& account) const;

  // Nothing of the account is kept here.
  bool is_written(const AccountId& account) const;

  void tick() { behind_.tick(); }
  void write_all() { behind_.write_all(); }
  std::optional<Position> oldest() const { return behind_.oldest(); }
  Position last_published() const noexcept { return behind_.last_published(); }

 private:
  struct EntryRow {
    std::uint64_t last_entry = 0;
    std::size_t blocks = 0;
    std::string bytes;
  };
  struct Unwritten {
    Position first = 0;
    Position through = 0;
    std::string state;
    std::uint64_t first_entry = 0;
    std::vector<EntryRow> entries;
    std::map<std::uint64_t, std::string> lots;
    std::map<std::uint64_t, std::string> holds;
    std::size_t changes = 0;

    bool empty() const noexcept { return changes == 0; }
    std::size_t size() const noexcept { return changes; }
    void add(LedgerRecord record);
    void append(Unwritten later);
  };
  static void write_rows(AccountTx& tx, const Unwritten& unwritten);

  WriteBehind<Unwritten> behind_;
};

}  // namespace tally::storage
